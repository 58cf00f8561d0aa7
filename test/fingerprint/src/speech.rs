//! Speech: made-up sentences in several languages, read by espeak-ng's voices.

use std::process::{Command, Stdio};

use eyre::{Result, WrapErr, bail, eyre};
use rand::{Rng, seq::IndexedRandom};

use crate::clip::Clip;

struct Language {
    voices: &'static [&'static str],
    words: &'static str,
}

const LANGUAGES: [Language; 6] = [
    Language {
        voices: &["en-us", "en-gb", "en-gb-scotland"],
        words: "the a river house morning market child slowly bright carries under beyond seven letters garden winter speaks \
                nobody remembers yellow window quickly station old teacher music walks towards mountain paper because and but \
                without question answer silver bridge travels evening people always build forest open sea careful story \
                number green train listens before hundred small engine water kitchen holds promise distant island weather",
    },
    Language {
        voices: &["de"],
        words: "der die das Fluss Haus Morgen Markt Kind langsam hell trägt unter jenseits sieben Briefe Garten Winter \
                spricht niemand erinnert gelbes Fenster schnell Bahnhof alter Lehrer Musik geht Berg Papier weil und aber ohne \
                Frage Antwort silberne Brücke reist Abend Menschen immer bauen Wald offen Meer vorsichtig Geschichte Nummer",
    },
    Language {
        voices: &["fr-fr", "fr-be"],
        words: "la le rivière maison matin marché enfant lentement clair porte sous sept lettres jardin hiver parle personne \
                souvient jaune fenêtre vite gare vieux maître musique marche vers montagne papier parce que et mais sans \
                question réponse argent pont voyage soir gens toujours construire forêt ouvert mer histoire nombre vert train",
    },
    Language {
        voices: &["es", "es-419"],
        words: "el la río casa mañana mercado niño despacio claro lleva bajo siete cartas jardín invierno habla nadie \
                recuerda amarilla ventana rápido estación viejo maestro música camina hacia montaña papel porque y pero sin \
                pregunta respuesta plata puente viaja tarde gente siempre construir bosque abierto mar historia número verde",
    },
    Language {
        voices: &["it"],
        words: "il la fiume casa mattina mercato bambino lentamente chiaro porta sotto sette lettere giardino inverno parla \
                nessuno ricorda gialla finestra veloce stazione vecchio maestro musica cammina verso montagna carta perché e \
                ma senza domanda risposta argento ponte viaggia sera gente sempre costruire bosco aperto mare storia numero",
    },
    Language {
        voices: &["pl"],
        words: "rzeka dom rano targ dziecko powoli jasny niesie pod siedem listy ogród zima mówi nikt pamięta żółte okno \
                szybko dworzec stary nauczyciel muzyka idzie góra papier ponieważ i ale bez pytanie odpowiedź srebrny most \
                podróżuje wieczór ludzie zawsze budować las otwarte morze ostrożnie historia numer zielony pociąg słucha",
    },
];
const SPEAKERS: [&str; 9] = ["", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4"];

/// Sentences for at least `seconds`, and the language they are in.
#[derive(Debug)]
pub(crate) struct Text {
    language: usize,
    words: String,
}

impl Text {
    pub(crate) fn draw(seconds: f64, rng: &mut impl Rng) -> Self {
        let language = rng.random_range(0..LANGUAGES.len());
        let words: Vec<&str> = LANGUAGES[language].words.split_whitespace().collect();
        let mut text = String::new();
        // Fast voices speak fewer than five words a second.
        let mut left = (seconds * 5.0) as usize;
        while left > 0 {
            let length = rng.random_range(4..13);
            for _ in 0..length {
                text.push_str(words.choose(rng).unwrap_or(&""));
                text.push_str(if rng.random_bool(0.1) { ", " } else { " " });
            }
            text.push_str(". ");
            left = left.saturating_sub(length);
        }
        Self { language, words: text }
    }

    /// Read by a voice that `rng` draws, the first `seconds` of it.
    pub(crate) fn speak(&self, seconds: f64, rng: &mut impl Rng) -> Result<Clip> {
        let voice = LANGUAGES[self.language].voices.choose(rng).unwrap_or(&"en-us");
        let speaker = SPEAKERS.choose(rng).unwrap_or(&"");
        let output = Command::new("espeak-ng")
            .arg("-v")
            .arg(format!("{voice}{speaker}"))
            .arg("-s")
            .arg(rng.random_range(130..200).to_string())
            .arg("-p")
            .arg(rng.random_range(30..70).to_string())
            .arg("--stdout")
            .arg("--")
            .arg(&self.words)
            .stderr(Stdio::null())
            .output()
            .wrap_err("starting espeak-ng; install the package espeak-ng")?;
        let clip = from_wav(&output.stdout)?;
        if clip.seconds() < seconds {
            bail!(
                "espeak-ng spoke {:.1} s of {seconds:.1} s with {voice}{speaker}",
                clip.seconds()
            );
        }
        Ok(clip.excerpt(0.0, seconds).normalized())
    }
}

/// Several speakers over each other, in one channel.
pub(crate) fn babble(seconds: f64, speakers: usize, rng: &mut impl Rng) -> Result<Clip> {
    let mut sum = Text::draw(seconds, rng).speak(seconds, rng)?;
    for _ in 1..speakers {
        let voice = Text::draw(seconds, rng).speak(seconds, rng)?;
        sum.samples
            .iter_mut()
            .zip(&voice.samples)
            .for_each(|(sum, sample)| *sum += sample);
    }
    Ok(sum.normalized())
}

/// espeak-ng writes WAV to a pipe, so that its lengths aren't to be trusted: samples run from the data chunk to the end.
fn from_wav(bytes: &[u8]) -> Result<Clip> {
    const CHUNK_HEADER: usize = 8;
    let rate = bytes
        .get(24..28)
        .and_then(|rate| rate.try_into().ok())
        .map(u32::from_le_bytes);
    let data = bytes.windows(4).position(|name| name == b"data");
    let (Some(rate_hz), Some(data)) = (rate, data) else {
        return Err(eyre!("espeak-ng gave {} bytes that are no WAV file", bytes.len()));
    };
    Ok(Clip::from_s16le(rate_hz, 1, &bytes[data + CHUNK_HEADER..]))
}
