//! JSON-RPC batches: answered in order, consecutive transactions submitted together.

use std::time::Instant;

use alloy::primitives::{B256, Bytes};
use jsonrpsee::{
    ResponsePayload,
    core::{
        middleware::{Batch, BatchEntry, BatchEntryErr},
        server::{BatchResponseBuilder, MethodResponse},
    },
    types::{ErrorObjectOwned, Id, Request},
};

use super::Guard;
use crate::{
    error::RpcError,
    eth::submit::{SEND_RAW_TRANSACTION, raw_transaction},
};

impl Guard {
    /// Answers a batch in order. Its time limit is that of one request, so that batching gains no time.
    pub(super) async fn each(&self, batch: Batch<'_>) -> MethodResponse {
        let deadline = Instant::now() + self.limits.request_timeout;
        let mut answers = BatchResponseBuilder::new_with_limit(self.limits.max_response_bytes);
        let mut notified = false;
        let mut entries = batch.into_iter().peekable();
        while let Some(entry) = entries.next() {
            let given = match entry {
                Ok(BatchEntry::Call(request)) if Instant::now() >= deadline => {
                    vec![refuse(
                        request.id,
                        RpcError::Timeout("batch timed out before this request".into()),
                    )]
                }
                Ok(BatchEntry::Call(request)) if submits(&request) => {
                    let mut requests = vec![request];
                    while let Some(Ok(BatchEntry::Call(next))) = entries.next_if(is_submission) {
                        requests.push(next);
                    }
                    self.submit(requests).await
                }
                Ok(BatchEntry::Call(request)) => vec![self.measured(request).await],
                Ok(BatchEntry::Notification(_)) => {
                    notified = true;
                    continue;
                }
                Err(malformed) => {
                    let (error, id) = malformed.into_parts();
                    vec![MethodResponse::error(id, error)]
                }
            };
            for answer in given {
                if let Err(too_large) = answers.append(answer) {
                    return too_large;
                }
            }
        }
        if answers.is_empty() && notified {
            return MethodResponse::notification();
        }
        MethodResponse::from_batch(answers.finish())
    }

    /// Submits the transactions of these requests together and answers each.
    async fn submit(&self, requests: Vec<Request<'_>>) -> Vec<MethodResponse> {
        let started = Instant::now();
        let metric = self.limits.metrics.of(SEND_RAW_TRANSACTION);
        let arguments: Vec<Result<Bytes, RpcError>> = requests
            .iter()
            .map(|request| raw_transaction(&request.params()))
            .collect();
        let raws = arguments.iter().flatten().cloned().collect();
        let submitted = tokio::time::timeout(self.limits.request_timeout, self.chain.submit_all(raws)).await;
        let mut outcomes = submitted.unwrap_or_default().into_iter();
        let mut answer = |id: Id<'_>, argument: Result<Bytes, RpcError>| -> MethodResponse {
            let outcome: Result<B256, RpcError> = argument.and_then(|_| match outcomes.next() {
                Some(outcome) => outcome.map_err(RpcError::from),
                None => Err(RpcError::Timeout("request timed out".into())),
            });
            match outcome {
                Ok(hash) => {
                    MethodResponse::response(id, ResponsePayload::success(hash), self.limits.max_response_bytes)
                }
                Err(error) => refuse(id, error),
            }
        };
        let mut answers = Vec::with_capacity(requests.len());
        for (request, argument) in requests.into_iter().zip(arguments) {
            let answer = answer(request.id, argument);
            metric.record(started.elapsed(), answer.is_success());
            answers.push(answer);
        }
        answers
    }
}

fn refuse(id: Id<'_>, error: RpcError) -> MethodResponse {
    MethodResponse::error(id, ErrorObjectOwned::from(error))
}

fn submits(request: &Request<'_>) -> bool {
    request.method == SEND_RAW_TRANSACTION
}

fn is_submission(entry: &Result<BatchEntry<'_>, BatchEntryErr<'_>>) -> bool {
    matches!(entry, Ok(BatchEntry::Call(request)) if submits(request))
}
