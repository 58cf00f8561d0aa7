// JSON with `bigint`s, between a page and the test.
export const pack = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? { bigint: String(part) } : part));
export const unpack = (text) => JSON.parse(text, (_, part) => (part?.bigint === undefined ? part : BigInt(part.bigint)));
