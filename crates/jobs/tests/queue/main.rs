//! The queue's rules, each checked on SQLite and on a real PostgreSQL server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod databases;
mod rules;

use databases::{Postgres, sqlite};

macro_rules! on_both {
    ($($rule:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let folder = tempfile::tempdir().unwrap();
                crate::rules::$rule(&crate::sqlite(folder.path())).await;
            })*
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgres_keeps_the_same_rules() {
            let server = Postgres::start();
            $(
                println!(stringify!($rule));
                rules::$rule(&server.database(stringify!($rule)).await).await;
            )*
        }
    };
}

on_both! {
    a_job_asked_for_twice_is_one_job
    what_a_job_is_enqueued_with_is_there_for_its_worker_and_only_once
    higher_priority_goes_first_then_the_order_of_arrival
    a_job_has_one_holder_however_many_workers_ask
    a_lost_lease_can_write_nothing_and_the_next_holder_goes_on_after_the_finished_stages
    a_worker_that_always_dies_uses_up_the_attempts
    a_failed_attempt_is_offered_again_after_its_delay_or_never
    a_job_given_back_has_lost_no_attempt
    heartbeats_keep_the_lease_and_tell_when_it_is_lost
    a_job_is_removed_only_while_nobody_works_on_it
    everything_is_there_after_opening_again
    tables_of_a_newer_program_are_refused
    hostile_text_is_only_text
}

#[tokio::test]
async fn an_address_of_no_known_database_is_refused_without_showing_its_password() {
    let error = cwe_jobs::Queue::open("mysql://me:secret@host/queue").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("mysql") && !text.contains("secret"), "{text}");
}
