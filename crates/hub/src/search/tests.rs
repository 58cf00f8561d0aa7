use proptest::prelude::*;

use super::*;

fn entry(number: u8, title: &str, description: &str, tags: &[&str]) -> (B256, Option<Entry>) {
    let work = B256::with_last_byte(number);
    let entry = Entry {
        work,
        title: title.into(),
        description: description.into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        work_type: if number.is_multiple_of(2) { "video" } else { "audio" }.into(),
    };
    (work, Some(entry))
}

fn index(folder: &tempfile::TempDir, entries: &[(B256, Option<Entry>)]) -> SearchIndex {
    let index = SearchIndex::open(folder.path()).unwrap();
    index.update(entries).unwrap();
    index
}

fn found(index: &SearchIndex, text: &str) -> Vec<u8> {
    let wanted = Wanted {
        text: text.into(),
        ..Wanted::default()
    };
    let page = index.search(&wanted, None, 100).unwrap();
    page.works.iter().map(|work| work[31]).collect()
}

fn entries() -> Vec<(B256, Option<Entry>)> {
    vec![
        entry(9, "Night river", "slow", &["calm"]),
        entry(3, "River at night", "fast", &["Loud", "river"]),
        entry(4, "Kitchen", "by the river", &["calm"]),
        entry(5, "Étude", "a river of notes", &[]),
    ]
}

#[test]
fn titles_count_more_than_tags_and_these_more_than_descriptions_and_ids_decide_among_equals() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(&folder, &entries());
    assert_eq!(found(&index, "river"), [3, 9, 4, 5]);
    assert_eq!(found(&index, "RIVER night"), [3, 9]);
    assert_eq!(found(&index, "etude"), [5]);
    assert_eq!(found(&index, "river nowhere"), [0_u8; 0]);
    assert_eq!(found(&index, ""), [3, 4, 5, 9]);
}

#[test]
fn the_order_does_not_depend_on_how_the_index_came_about() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at_once = index(&one, &entries());
    let piecemeal = index(&other, &[entry(200, "River river", "gone soon", &[])]);
    for entry in entries().into_iter().rev() {
        piecemeal.update(std::slice::from_ref(&entry)).unwrap();
        piecemeal.update(&[entry]).unwrap();
    }
    piecemeal.update(&[(B256::with_last_byte(200), None)]).unwrap();
    for text in ["river", "night", "", "calm", "a"] {
        assert_eq!(found(&at_once, text), found(&piecemeal, text), "{text}");
    }
}

#[test]
fn tags_and_types_are_matched_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(&folder, &entries());
    let search = |tags: &[&str], kind: Option<&str>| {
        let wanted = Wanted {
            text: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            work_type: kind.map(str::to_owned),
        };
        let page = index.search(&wanted, None, 100).unwrap();
        page.works.iter().map(|work| work[31]).collect::<Vec<_>>()
    };
    assert_eq!(search(&["calm"], None), [4, 9]);
    assert_eq!(search(&["CALM"], Some("video")), [4]);
    assert_eq!(search(&["loud", "river"], None), [3]);
    assert_eq!(search(&["cal"], None), [0_u8; 0]);
    assert_eq!(search(&[], Some("audio OR video")), [0_u8; 0]);
}

#[test]
fn pages_have_every_work_once() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<_> = (1..=40)
        .map(|number| {
            entry(
                number,
                if number.is_multiple_of(3) { "river" } else { "x" },
                "river",
                &[],
            )
        })
        .collect();
    let index = index(&folder, &many);
    let wanted = Wanted {
        text: "river".into(),
        ..Wanted::default()
    };
    let whole = index.search(&wanted, None, 100).unwrap();
    assert_eq!((whole.works.len(), whole.next), (40, None));
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = index.search(&wanted, after, 7).unwrap();
        pages.extend(page.works);
        let Some(next) = page.next else { break };
        after = Some(Cursor::parse(&next.to_text()).unwrap());
    }
    assert_eq!(pages, whole.works);
    for bad in ["", "x", "AAAA", &"A".repeat(200)] {
        assert!(matches!(Cursor::parse(bad), Err(SearchError::Cursor)), "{bad}");
    }
}

#[test]
fn a_reopened_index_has_what_was_committed_and_a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = index(&folder, &entries());
    assert!(matches!(SearchIndex::open(folder.path()), Err(SearchError::InUse(_))));
    drop(first);
    assert_eq!(found(&SearchIndex::open(folder.path()).unwrap(), "river"), [3, 9, 4, 5]);
}

#[test]
fn no_text_is_syntax() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(&folder, &entries());
    for text in [
        "river AND",
        "title:river",
        "river*",
        "-river",
        "\"river",
        "(((",
        "river~9",
        "[a TO b]",
        "\u{0}",
    ] {
        found(&index, text);
    }
    assert_eq!(found(&index, "+(river)"), found(&index, "river"));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    runner
        .run(&any::<String>(), |text| {
            found(&index, &text);
            Ok(())
        })
        .unwrap();
}
