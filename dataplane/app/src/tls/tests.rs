use crate::{AppSettings, testing};
use sluice_core::Direction;

#[test]
fn adhoc() {
    let Ok(path) = std::env::var("TLSX") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    for stream in text.split('#').skip(1) {
        let said: Vec<(Direction, Vec<u8>)> = stream
            .lines()
            .skip(1)
            .map(|line| {
                let bytes = (1..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap());
                (if line.starts_with('>') { Direction::ToServer } else { Direction::ToClient }, bytes.collect())
            })
            .collect();
        let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
        println!("---- stream {}", stream.lines().next().unwrap());
        for line in testing::talk(AppSettings::default(), &said) {
            if !line.contains("tls.certs") {
                println!("{}", &line[..line.len().min(200)]);
            }
        }
    }
}
