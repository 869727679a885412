//! Settings of TLS and QUIC under `detection.applications`.
//!
//! Called by [`crate::assign`].

use sluice_app::{AppSettings, tls::Encryption};

/// Sets `path`; none when it is not one of these. An error says what was wanted.
pub(crate) fn assign(settings: &mut AppSettings, path: &str, value: &str) -> Option<Result<(), &'static str>> {
    let tls = &mut settings.tls;
    Some(match path.strip_prefix("detection.applications.")? {
        "tls.encryption-handling" => encryption(&mut tls.encryption, value),
        "quic.encryption-handling" => encryption(&mut settings.quic.encryption, value),
        "tls.ja3-fingerprints" => switch(&mut tls.ja3, value),
        "tls.ja4-fingerprints" => switch(&mut tls.ja4, value),
        "tls.log-handshake" => switch(&mut tls.log_handshake, value),
        "tls.log-certificates" => switch(&mut tls.log_certificates, value),
        "tls.log-client" => switch(&mut tls.log_client, value),
        "tls.log-resumed" => switch(&mut tls.log_resumed, value),
        _ => return None,
    })
}

fn encryption(setting: &mut Encryption, value: &str) -> Result<(), &'static str> {
    *setting = match value {
        "default" | "track-only" => Encryption::Track,
        "bypass" => Encryption::Bypass,
        "full" => Encryption::Full,
        _ => return Err("track-only, bypass or full"),
    };
    Ok(())
}

fn switch(setting: &mut bool, value: &str) -> Result<(), &'static str> {
    *setting = match value {
        // They are made when something asks for them.
        "auto" | "true" | "yes" | "on" => true,
        "false" | "no" | "off" => false,
        _ => return Err("auto, true or false"),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::assign;
    use sluice_app::{AppSettings, tls::Encryption};

    #[test]
    fn settings_are_what_was_said_and_nothing_else_is_taken() {
        let mut settings = AppSettings::default();
        let mut set = |leaf: &str, value| assign(&mut settings, &format!("detection.applications.{leaf}"), value);
        assert_eq!(set("tls.encryption-handling", "bypass"), Some(Ok(())));
        assert_eq!(set("quic.encryption-handling", "full"), Some(Ok(())));
        assert_eq!(set("tls.ja4-fingerprints", "no"), Some(Ok(())));
        assert_eq!(set("tls.ja3-fingerprints", "auto"), Some(Ok(())));
        assert!(matches!(set("tls.encryption-handling", "perhaps"), Some(Err(_))));
        assert!(matches!(set("tls.log-handshake", "perhaps"), Some(Err(_))));
        assert_eq!(set("tls.enabled", "yes"), None);
        assert_eq!((settings.tls.encryption, settings.quic.encryption), (Encryption::Bypass, Encryption::Full));
        assert!(settings.tls.ja3 && !settings.tls.ja4);
    }
}
