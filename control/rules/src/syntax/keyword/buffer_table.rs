//! The buffers of the rule language, by name: what they belong to and which keyword chooses them.
//!
//! Read by `buffer` (which turns the names into keywords), by `check` and by `compile`. A table only: no parsing.
//!
//! Source: the public rule documentation, one chapter per protocol, and the corpora.
use crate::syntax::protocol::AppProtocol as P;

/// Which half of a conversation a buffer is filled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sides {
    /// The client's only.
    ToServer,
    /// The server's only.
    ToClient,
    /// Either.
    Both,
}

/// A buffer of the rule language.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Buffer {
    /// Canonical name, for example `http.uri`.
    pub name: &'static str,
    /// What the engine must have to fill it, for example `http`.
    pub feature: &'static str,
    /// Which half it comes from.
    pub sides: Sides,
    /// The application protocols that fill it; none: it is not bound to one.
    pub protocols: &'static [P],
    /// There may be several in one transaction; naming it again in a rule means another of them.
    pub several: bool,
}

const HTTP: &[P] = &[P::Http, P::Http1, P::Http2];
const HTTP2: &[P] = &[P::Http, P::Http2];
const TLS: &[P] = &[P::Tls];
const TLS_OR_QUIC: &[P] = &[P::Tls, P::Quic];
const DNS: &[P] = &[P::Dns, P::Mdns, P::Llmnr];
const MAIL: &[P] = &[P::Smtp, P::Imap, P::Pop3];
const RPC: &[P] = &[P::Dcerpc, P::Smb];

const fn buffer_of(
    name: &'static str,
    feature: &'static str,
    sides: Sides,
    protocols: &'static [P],
    several: bool,
) -> Buffer {
    Buffer { name, feature, sides, protocols, several }
}

const fn b(name: &'static str, feature: &'static str, protocols: &'static [P]) -> Buffer {
    buffer_of(name, feature, Sides::Both, protocols, false)
}

const fn many(name: &'static str, feature: &'static str, protocols: &'static [P]) -> Buffer {
    buffer_of(name, feature, Sides::Both, protocols, true)
}

const fn up(name: &'static str, feature: &'static str, protocols: &'static [P]) -> Buffer {
    buffer_of(name, feature, Sides::ToServer, protocols, false)
}

const fn down(name: &'static str, feature: &'static str, protocols: &'static [P]) -> Buffer {
    buffer_of(name, feature, Sides::ToClient, protocols, false)
}

/// Every buffer, by name of the sticky keyword. The first is the payload.
pub static BUFFERS: &[Buffer] = &[
    b("pkt_data", "payload", &[]),
    b("base64_data", "base64", &[]),
    b("tcp.hdr", "packet", &[]),
    b("udp.hdr", "packet", &[]),
    b("ipv4.hdr", "packet", &[]),
    b("ipv6.hdr", "packet", &[]),
    b("icmpv4.hdr", "packet", &[]),
    b("icmpv6.hdr", "packet", &[]),
    b("igmp.hdr", "packet", &[]),
    b("sctp.hdr", "sctp", &[]),
    many("sctp.chunk_data", "sctp", &[]),
    b("ether.hdr", "packet", &[]),
    b("arp.hdr", "packet", &[]),
    b("ip.src", "packet", &[]),
    b("ip.dst", "packet", &[]),
    many("frame", "frame", &[]),
    many("file.data", "file", &[]),
    many("file.name", "file", &[]),
    many("file.magic", "magic", &[]),
    up("http.uri", "http", HTTP),
    up("http.uri.raw", "http", HTTP),
    up("http.method", "http", HTTP),
    up("http.request_line", "http", HTTP),
    up("http.request_body", "http", HTTP),
    up("http.user_agent", "http", HTTP),
    up("http.host", "http", HTTP),
    up("http.host.raw", "http", HTTP),
    up("http.referer", "http", HTTP),
    up("http.accept", "http", HTTP),
    up("http.accept_enc", "http", HTTP),
    up("http.accept_lang", "http", HTTP),
    buffer_of("http.request_header", "http", Sides::ToServer, HTTP, true),
    buffer_of("http.response_header", "http", Sides::ToClient, HTTP, true),
    down("http.response_line", "http", HTTP),
    down("http.response_body", "http", HTTP),
    down("http.stat_code", "http", HTTP),
    down("http.stat_msg", "http", HTTP),
    down("http.location", "http", HTTP),
    down("http.server", "http", HTTP),
    b("http.header", "http", HTTP),
    b("http.header.raw", "http", HTTP),
    b("http.header_names", "http", HTTP),
    b("http.cookie", "http", HTTP),
    b("http.protocol", "http", HTTP),
    b("http.start", "http", HTTP),
    b("http.connection", "http", HTTP),
    b("http.content_len", "http", HTTP),
    b("http.content_type", "http", HTTP),
    many("http2.header_name", "http2", HTTP2),
    up("tls.sni", "tls", TLS),
    b("tls.cert_subject", "tls", TLS),
    b("tls.cert_issuer", "tls", TLS),
    b("tls.cert_serial", "tls", TLS),
    b("tls.cert_fingerprint", "tls", TLS),
    many("tls.certs", "tls", TLS),
    many("tls.subjectaltname", "tls", TLS),
    many("tls.alpn", "tls", TLS),
    b("tls.random", "tls", TLS),
    b("tls.random_time", "tls", TLS),
    b("tls.random_bytes", "tls", TLS),
    up("ja3.hash", "ja3", TLS_OR_QUIC),
    up("ja3.string", "ja3", TLS_OR_QUIC),
    down("ja3s.hash", "ja3", TLS_OR_QUIC),
    down("ja3s.string", "ja3", TLS_OR_QUIC),
    up("ja4.hash", "ja4", TLS_OR_QUIC),
    many("dns.query", "dns", DNS),
    many("dns.queries.rrname", "dns", DNS),
    many("dns.answers.rrname", "dns", DNS),
    many("dns.additionals.rrname", "dns", DNS),
    many("dns.authorities.rrname", "dns", DNS),
    many("dns.response.rrname", "dns", DNS),
    many("mdns.queries.rrname", "mdns", &[P::Mdns]),
    many("mdns.answers.rrname", "mdns", &[P::Mdns]),
    many("mdns.additionals.rrname", "mdns", &[P::Mdns]),
    many("mdns.authorities.rrname", "mdns", &[P::Mdns]),
    many("mdns.response.rrname", "mdns", &[P::Mdns]),
    many("llmnr.queries.rrname", "llmnr", &[P::Llmnr]),
    many("llmnr.answers.rrname", "llmnr", &[P::Llmnr]),
    many("llmnr.additionals.rrname", "llmnr", &[P::Llmnr]),
    many("llmnr.authorities.rrname", "llmnr", &[P::Llmnr]),
    many("llmnr.response.rrname", "llmnr", &[P::Llmnr]),
    b("smtp.helo", "smtp", &[P::Smtp]),
    b("smtp.mail_from", "smtp", &[P::Smtp]),
    many("smtp.rcpt_to", "smtp", &[P::Smtp]),
    b("email.from", "email", MAIL),
    b("email.to", "email", MAIL),
    b("email.cc", "email", MAIL),
    b("email.subject", "email", MAIL),
    b("email.date", "email", MAIL),
    b("email.message_id", "email", MAIL),
    b("email.x_mailer", "email", MAIL),
    b("email.body_md5", "email", MAIL),
    many("email.url", "email", MAIL),
    many("email.received", "email", MAIL),
    up("ftp.command", "ftp", &[P::Ftp]),
    up("ftp.command_data", "ftp", &[P::Ftp]),
    buffer_of("ftp.reply", "ftp", Sides::ToClient, &[P::Ftp], true),
    buffer_of("ftp.completion_code", "ftp", Sides::ToClient, &[P::Ftp], true),
    b("ssh.proto", "ssh", &[P::Ssh]),
    b("ssh.software", "ssh", &[P::Ssh]),
    b("ssh.hassh", "ssh", &[P::Ssh]),
    b("ssh.hassh.string", "ssh", &[P::Ssh]),
    b("ssh.hassh.server", "ssh", &[P::Ssh]),
    b("ssh.hassh.server.string", "ssh", &[P::Ssh]),
    b("smb.named_pipe", "smb", &[P::Smb]),
    b("smb.share", "smb", &[P::Smb]),
    b("smb.ntlmssp_user", "smb", &[P::Smb]),
    b("smb.ntlmssp_domain", "smb", &[P::Smb]),
    b("dcerpc.stub_data", "dcerpc", RPC),
    many("krb5.cname", "krb5", &[P::Krb5]),
    many("krb5.sname", "krb5", &[P::Krb5]),
    b("snmp.community", "snmp", &[P::Snmp]),
    b("snmp.usm", "snmp", &[P::Snmp]),
    b("sip.method", "sip", &[P::Sip]),
    b("sip.uri", "sip", &[P::Sip]),
    b("sip.request_line", "sip", &[P::Sip]),
    b("sip.stat_code", "sip", &[P::Sip]),
    b("sip.stat_msg", "sip", &[P::Sip]),
    b("sip.response_line", "sip", &[P::Sip]),
    b("sip.protocol", "sip", &[P::Sip]),
    many("sip.from", "sip", &[P::Sip]),
    many("sip.to", "sip", &[P::Sip]),
    many("sip.via", "sip", &[P::Sip]),
    many("sip.user_agent", "sip", &[P::Sip]),
    many("sip.content_type", "sip", &[P::Sip]),
    many("sip.content_length", "sip", &[P::Sip]),
    b("sdp.session_name", "sip", &[P::Sip]),
    b("sdp.session_info", "sip", &[P::Sip]),
    b("sdp.origin", "sip", &[P::Sip]),
    b("sdp.uri", "sip", &[P::Sip]),
    b("sdp.email", "sip", &[P::Sip]),
    b("sdp.phone_number", "sip", &[P::Sip]),
    b("sdp.connection_data", "sip", &[P::Sip]),
    many("sdp.bandwidth", "sip", &[P::Sip]),
    many("sdp.time", "sip", &[P::Sip]),
    many("sdp.repeat_time", "sip", &[P::Sip]),
    b("sdp.timezone", "sip", &[P::Sip]),
    b("sdp.encryption_key", "sip", &[P::Sip]),
    many("sdp.attribute", "sip", &[P::Sip]),
    many("sdp.media.media", "sip", &[P::Sip]),
    many("sdp.media.media_info", "sip", &[P::Sip]),
    many("sdp.media.connection_data", "sip", &[P::Sip]),
    many("sdp.media.encryption_key", "sip", &[P::Sip]),
    b("rfb.name", "rfb", &[P::Rfb]),
    b("mqtt.connect.clientid", "mqtt", &[P::Mqtt]),
    b("mqtt.connect.username", "mqtt", &[P::Mqtt]),
    b("mqtt.connect.password", "mqtt", &[P::Mqtt]),
    b("mqtt.connect.protocol_string", "mqtt", &[P::Mqtt]),
    b("mqtt.connect.willtopic", "mqtt", &[P::Mqtt]),
    b("mqtt.connect.willmessage", "mqtt", &[P::Mqtt]),
    b("mqtt.publish.topic", "mqtt", &[P::Mqtt]),
    b("mqtt.publish.message", "mqtt", &[P::Mqtt]),
    many("mqtt.subscribe.topic", "mqtt", &[P::Mqtt]),
    many("mqtt.unsubscribe.topic", "mqtt", &[P::Mqtt]),
    many("quic.cyu.hash", "quic", &[P::Quic]),
    many("quic.cyu.string", "quic", &[P::Quic]),
    b("quic.version", "quic", &[P::Quic]),
    b("quic.sni", "quic", &[P::Quic]),
    b("quic.ua", "quic", &[P::Quic]),
    b("ike.init_spi", "ike", &[P::Ike]),
    b("ike.resp_spi", "ike", &[P::Ike]),
    many("ike.vendor", "ike", &[P::Ike]),
    b("ike.key_exchange_payload", "ike", &[P::Ike]),
    b("ike.nonce_payload", "ike", &[P::Ike]),
    b("enip.product_name", "enip", &[P::Enip]),
    b("enip.service_name", "enip", &[P::Enip]),
    b("dnp3.data", "dnp3", &[P::Dnp3]),
    b("pgsql.query", "pgsql", &[P::Pgsql]),
    b("ldap.request.dn", "ldap", &[P::Ldap]),
    many("ldap.request.attribute_type", "ldap", &[P::Ldap]),
    many("ldap.responses.dn", "ldap", &[P::Ldap]),
    many("ldap.responses.message", "ldap", &[P::Ldap]),
    many("ldap.responses.attribute_type", "ldap", &[P::Ldap]),
    b("websocket.payload", "websocket", &[P::WebSocket]),
    b("ntp.reference_id", "ntp", &[P::Ntp]),
    b("tftp.file", "tftp", &[P::Tftp]),
    b("tftp.mode", "tftp", &[P::Tftp]),
    many("pop3.command", "pop3", &[P::Pop3]),
    b("template.buffer", "template", &[P::Template]),
];

/// Other names of sticky buffers, with the canonical one.
pub(super) static STICKY_ALIASES: &[(&str, &str)] = &[
    ("file_data", "file.data"),
    ("dns_query", "dns.query"),
    ("dns.query.name", "dns.queries.rrname"),
    ("dns.answer.name", "dns.answers.rrname"),
    ("tls_sni", "tls.sni"),
    ("tls_cert_subject", "tls.cert_subject"),
    ("tls_cert_issuer", "tls.cert_issuer"),
    ("tls_cert_serial", "tls.cert_serial"),
    ("tls_cert_fingerprint", "tls.cert_fingerprint"),
    ("ja3_hash", "ja3.hash"),
    ("ja3_string", "ja3.string"),
    ("ja3s_hash", "ja3s.hash"),
    ("ja3s_string", "ja3s.string"),
    ("ssh_proto", "ssh.proto"),
    ("ssh_software", "ssh.software"),
    ("smb_named_pipe", "smb.named_pipe"),
    ("smb_share", "smb.share"),
    ("dce_stub_data", "dcerpc.stub_data"),
    ("dnp3_data", "dnp3.data"),
    ("krb5_cname", "krb5.cname"),
    ("krb5_sname", "krb5.sname"),
    ("http_accept", "http.accept"),
    ("http_accept_enc", "http.accept_enc"),
    ("http_accept_lang", "http.accept_lang"),
    ("http_connection", "http.connection"),
    ("http_content_len", "http.content_len"),
    ("http_content_type", "http.content_type"),
    ("http_header_names", "http.header_names"),
    ("http_protocol", "http.protocol"),
    ("http_referer", "http.referer"),
    ("http_request_line", "http.request_line"),
    ("http_response_line", "http.response_line"),
    ("http_start", "http.start"),
];

/// Modifiers that move the content before them into a buffer.
pub(super) static MODIFIERS: &[(&str, &str)] = &[
    ("http_uri", "http.uri"),
    ("http_raw_uri", "http.uri.raw"),
    ("http_method", "http.method"),
    ("http_client_body", "http.request_body"),
    ("http_server_body", "http.response_body"),
    ("http_header", "http.header"),
    ("http_raw_header", "http.header.raw"),
    ("http_cookie", "http.cookie"),
    ("http_user_agent", "http.user_agent"),
    ("http_host", "http.host"),
    ("http_raw_host", "http.host.raw"),
    ("http_stat_code", "http.stat_code"),
    ("http_stat_msg", "http.stat_msg"),
];

/// The payload of the packet or stream: what contents look at when no buffer is named.
pub(crate) fn payload() -> &'static Buffer {
    static PAYLOAD: Buffer = b("pkt_data", "payload", &[]);
    BUFFERS.first().unwrap_or(&PAYLOAD)
}

/// The buffer of this canonical name, or the payload when there is none.
pub fn buffer(name: &str) -> &'static Buffer {
    BUFFERS.iter().find(|b| b.name == name).unwrap_or_else(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_leads_to_a_buffer() {
        for (alias, name) in STICKY_ALIASES.iter().chain(MODIFIERS) {
            assert_eq!(buffer(name).name, *name, "{alias}");
        }
        assert_eq!(payload().name, "pkt_data");
    }
}
