//! Full-text search over manifests, embedded.
//!
//! A text is cut into words, each of which a work's title, tags or description must have; nothing in it is syntax. Where
//! a word is found gives the score: in the title more than in the tags, there more than in the description. So the order
//! depends on the works alone, not on what was indexed when: every hub with the same works answers the same.

mod collector;

use std::path::Path;

use alloy::primitives::B256;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use parking_lot::Mutex;
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term,
    directory::{MmapDirectory, error::LockError},
    query::{AllQuery, BooleanQuery, ConstScoreQuery, Occur, Query, TermQuery},
    schema::{FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer, TokenStream},
};

use collector::{Best, Ranked};

/// Changes whenever indices of earlier programs must be built anew.
pub const FORMAT: &str = "search 1";
/// Memory of the writer, bytes.
const WRITER_BYTES: usize = 32 << 20;
/// Most words of a text that are looked for.
const MAX_WORDS: usize = 16;
/// Longest word that is indexed, bytes.
const MAX_WORD_BYTES: usize = 64;
/// Our own cutting of texts into words.
const WORDS: &str = "words";

/// Why the search index can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Another process writes to it.
    #[error("the search index {0} is in use: another cwe-hub runs with this serve.index")]
    InUse(String),
    /// It is damaged, or the disk fails.
    #[error("the search index fails: {0}")]
    Index(#[from] tantivy::TantivyError),
    /// The folder can't be used.
    #[error("the search index's folder can't be used: {0}")]
    Folder(#[from] tantivy::directory::error::OpenDirectoryError),
    /// A cursor that this hub did not give.
    #[error("`after` is no cursor of this search: send what the last answer has as `next`")]
    Cursor,
}

/// What a work is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The work.
    pub work: B256,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Kind of work.
    pub work_type: String,
}

/// What is looked for. Everything given must apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Words.
    pub text: String,
    /// Tags, each as a whole.
    pub tags: Vec<String>,
    /// Kind of work.
    pub work_type: Option<String>,
}

/// Where a page ends: after this score and work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(Ranked);

impl Cursor {
    /// As text, for a URL.
    pub fn to_text(self) -> String {
        let mut bytes = self.0.score.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.0.work.as_slice());
        BASE64URL.encode(bytes)
    }

    /// # Errors
    /// [`SearchError::Cursor`].
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        let bytes = BASE64URL.decode(text).map_err(|_| SearchError::Cursor)?;
        let (score, work) = bytes.split_first_chunk::<4>().ok_or(SearchError::Cursor)?;
        let work = B256::try_from(work).map_err(|_| SearchError::Cursor)?;
        let score = u32::from_be_bytes(*score);
        Ok(Self(Ranked { score, work }))
    }
}

/// Works found, in order, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Best first; among equals by work id.
    pub works: Vec<B256>,
    /// None where these are all.
    pub next: Option<Cursor>,
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    id: Field,
    id_words: [Field; 4],
    title: Field,
    tags_text: Field,
    description: Field,
    tag: Field,
    work_type: Field,
}

/// Names of the parts of a work id, most significant first: columns hold numbers of 64 bits.
const ID_WORDS: [&str; 4] = ["id0", "id1", "id2", "id3"];

impl Fields {
    fn schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default()
            .set_tokenizer(WORDS)
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::Basic);
        let words = TextOptions::default().set_indexing_options(words);
        let fields = Self {
            id: schema.add_bytes_field("id", INDEXED),
            id_words: ID_WORDS.map(|name| schema.add_u64_field(name, FAST)),
            title: schema.add_text_field("title", words.clone()),
            tags_text: schema.add_text_field("tags_text", words.clone()),
            description: schema.add_text_field("description", words),
            tag: schema.add_text_field("tag", STRING),
            work_type: schema.add_text_field("work_type", STRING),
        };
        (schema.build(), fields)
    }
}

/// The search index.
pub struct SearchIndex {
    fields: Fields,
    reader: IndexReader,
    writer: Mutex<IndexWriter>,
}

impl SearchIndex {
    /// Opens the index in `folder`, which is there; makes it where there is none.
    ///
    /// # Errors
    /// [`SearchError::InUse`]; anything else: it has to be built anew.
    pub fn open(folder: &Path) -> Result<Self, SearchError> {
        let (schema, fields) = Fields::schema();
        let index = Index::open_or_create(MmapDirectory::open(folder)?, schema)?;
        index.tokenizers().register(WORDS, analyzer());
        let writer = match index.writer_with_num_threads(1, WRITER_BYTES) {
            Err(tantivy::TantivyError::LockFailure(LockError::LockBusy, _)) => {
                return Err(SearchError::InUse(folder.display().to_string()));
            }
            writer => writer?,
        };
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self {
            fields,
            reader,
            writer: Mutex::new(writer),
        })
    }

    /// Brings works up to date: each is replaced by its entry, or removed. All of it is durable and found when this
    /// returns.
    ///
    /// # Errors
    /// The disk fails.
    pub fn update(&self, works: &[(B256, Option<Entry>)]) -> Result<(), SearchError> {
        let mut writer = self.writer.lock();
        let written = self.write(&mut writer, works);
        if written.is_err() {
            // Half a batch must not be committed with the next one.
            writer.rollback()?;
        }
        written?;
        self.reader.reload()?;
        Ok(())
    }

    fn write(&self, writer: &mut IndexWriter, works: &[(B256, Option<Entry>)]) -> Result<(), SearchError> {
        for (work, entry) in works {
            writer.delete_term(Term::from_field_bytes(self.fields.id, work.as_slice()));
            if let Some(entry) = entry {
                writer.add_document(self.document(entry))?;
            }
        }
        writer.commit()?;
        Ok(())
    }

    fn document(&self, entry: &Entry) -> TantivyDocument {
        let fields = &self.fields;
        let mut document = TantivyDocument::default();
        document.add_bytes(fields.id, entry.work.as_slice());
        for (field, word) in fields.id_words.into_iter().zip(entry.work.as_chunks::<8>().0) {
            document.add_u64(field, u64::from_be_bytes(*word));
        }
        document.add_text(fields.title, &entry.title);
        document.add_text(fields.description, &entry.description);
        document.add_text(fields.work_type, &entry.work_type);
        for tag in &entry.tags {
            document.add_text(fields.tags_text, tag);
            document.add_text(fields.tag, tag.to_lowercase());
        }
        document
    }

    /// Works that are wanted: at most `limit`, from the best on or after `after`.
    ///
    /// # Errors
    /// The disk fails. Never because of what is wanted.
    pub fn search(&self, wanted: &Wanted, after: Option<Cursor>, limit: usize) -> Result<Page, SearchError> {
        let best = Best {
            limit,
            after: after.map(|cursor| cursor.0),
        };
        let found = self.reader.searcher().search(&self.query(wanted), &best)?;
        let next = found.more.then(|| found.ranked.last().copied().map(Cursor)).flatten();
        Ok(Page {
            works: found.ranked.into_iter().map(|ranked| ranked.work).collect(),
            next,
        })
    }

    fn query(&self, wanted: &Wanted) -> Box<dyn Query> {
        let fields = &self.fields;
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for word in words(&wanted.text) {
            let places = [(fields.title, 4.0), (fields.tags_text, 3.0), (fields.description, 1.0)];
            let places = places.map(|(field, score)| {
                let term = exact(Term::from_field_text(field, &word));
                let scored: Box<dyn Query> = Box::new(ConstScoreQuery::new(term, score));
                (Occur::Should, scored)
            });
            clauses.push((Occur::Must, Box::new(BooleanQuery::new(places.into()))));
        }
        let tags = wanted
            .tags
            .iter()
            .map(|tag| Term::from_field_text(fields.tag, &tag.to_lowercase()));
        let kinds = wanted
            .work_type
            .iter()
            .map(|kind| Term::from_field_text(fields.work_type, kind));
        for term in tags.chain(kinds) {
            clauses.push((Occur::Must, Box::new(ConstScoreQuery::new(exact(term), 0.0))));
        }
        match clauses.is_empty() {
            true => Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0)),
            false => Box::new(BooleanQuery::new(clauses)),
        }
    }
}

fn exact(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The words of a text as they are indexed, each once.
fn words(text: &str) -> Vec<String> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut words: Vec<String> = Vec::new();
    while stream.advance() && words.len() < MAX_WORDS {
        let word = &stream.token().text;
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    words
}

#[cfg(test)]
mod tests;
