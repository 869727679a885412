//! What parsers find in transactions, by name: pieces of bytes, numbers and bodies.
//!
//! Written by parsers through [`crate::Desk`], asked for by compiled rules and by the encoders of records. A new protocol adds its names here; the name is the keyword's, and a
//! field that only records ask for has a name in parentheses.

use crate::level;
use sluice_core::AppProtocol;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes, put down at once.
    Bytes,
    /// A number.
    Number,
    /// Bytes that come bit by bit.
    Body,
}

macro_rules! fields {
    ($($variant:ident: $protocol:ident, $name:literal, $kind:ident, $level:ident;)*) => {
        /// A field of a transaction; there may be several of the same name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each is described by its keyword's name in the table")]
        pub enum Field { $($variant,)* }

        impl Field {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Name of its keyword, or a name in parentheses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The protocol whose parser writes it; others may too.
            pub const fn protocol(self) -> AppProtocol {
                match self { $(Self::$variant => AppProtocol::$protocol,)* }
            }

            /// What it holds.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// How far a direction of a transaction is when no more of it come.
            pub const fn level(self) -> u8 {
                match self { $(Self::$variant => level::$level,)* }
            }
        }
    };
}

fields! {
    // Any protocol.
    Event: Http, "(event)", Number, DONE;
    // The whole unit, of protocols whose transactions have one a direction.
    Message: Http, "(message)", Bytes, DONE;
    // Rules want to hear of each piece of a body, also beyond what is kept of it.
    Pieces: Http, "(pieces)", Number, BODY;
    // A file, for records: see `file`.
    File: Http, "(file)", Bytes, DONE;
    FileName: Http, "file.name", Bytes, DONE;
    FileData: Http, "file.data", Body, BODY;
    // The file's number in its flow, 32 bits, and the digest.
    FileMd5: Http, "filemd5", Bytes, DONE;
    FileSha1: Http, "filesha1", Bytes, DONE;
    FileSha256: Http, "filesha256", Bytes, DONE;
    // HTTP of any version.
    HttpUri: Http, "http.uri", Bytes, LINE;
    HttpUriRaw: Http, "http.uri.raw", Bytes, LINE;
    HttpMethod: Http, "http.method", Bytes, LINE;
    HttpProtocol: Http, "http.protocol", Bytes, LINE;
    HttpRequestLine: Http, "http.request_line", Bytes, LINE;
    HttpResponseLine: Http, "http.response_line", Bytes, LINE;
    HttpStatCode: Http, "http.stat_code", Bytes, LINE;
    HttpStatMsg: Http, "http.stat_msg", Bytes, LINE;
    HttpHost: Http, "http.host", Bytes, HEADERS;
    HttpHostRaw: Http, "http.host.raw", Bytes, HEADERS;
    HttpUserAgent: Http, "http.user_agent", Bytes, HEADERS;
    HttpReferer: Http, "http.referer", Bytes, HEADERS;
    HttpAccept: Http, "http.accept", Bytes, HEADERS;
    HttpAcceptEnc: Http, "http.accept_enc", Bytes, HEADERS;
    HttpAcceptLang: Http, "http.accept_lang", Bytes, HEADERS;
    HttpLocation: Http, "http.location", Bytes, HEADERS;
    HttpServer: Http, "http.server", Bytes, HEADERS;
    HttpCookie: Http, "http.cookie", Bytes, HEADERS;
    HttpConnection: Http, "http.connection", Bytes, HEADERS;
    HttpContentLen: Http, "http.content_len", Bytes, HEADERS;
    HttpContentType: Http, "http.content_type", Bytes, HEADERS;
    HttpStart: Http, "http.start", Bytes, HEADERS;
    HttpHeaderNames: Http, "http.header_names", Bytes, HEADERS;
    HttpHeader: Http, "http.header", Bytes, TRAILER;
    HttpHeaderRaw: Http, "http.header.raw", Bytes, TRAILER;
    HttpRequestHeader: Http, "http.request_header", Bytes, TRAILER;
    HttpResponseHeader: Http, "http.response_header", Bytes, TRAILER;
    HttpRequestBody: Http, "http.request_body", Body, BODY;
    HttpResponseBody: Http, "http.response_body", Body, BODY;
    // A message as it came.
    HttpRequestFrame: Http, "frame:http1.request", Body, DONE;
    HttpResponseFrame: Http, "frame:http1.response", Body, DONE;
    HttpXff: Http, "(http.xff)", Bytes, HEADERS;
    // Of a request: the ranges it asks for.
    HttpContentRange: Http, "(http.content_range)", Bytes, HEADERS;
    HttpBodyLength: Http, "(http.length)", Number, DONE;
    // HTTP/2.
    Http2HeaderName: Http2, "http2.header_name", Bytes, TRAILER;
    Http2FrameType: Http2, "http2.frametype", Number, DONE;
    Http2ErrorCode: Http2, "http2.errorcode", Number, DONE;
    Http2Priority: Http2, "http2.priority", Number, DONE;
    Http2Window: Http2, "http2.window", Number, DONE;
    Http2SizeUpdate: Http2, "http2.size_update", Number, DONE;
    // Identifier in the upper 32 bits, value in the lower ones.
    Http2Settings: Http2, "http2.settings", Number, DONE;
    Http2StreamId: Http2, "(http2.stream_id)", Number, LINE;
    // TLS. The hello of an end is its level HELLO, its certificates and what stands in them CERTIFICATE.
    TlsSni: Tls, "tls.sni", Bytes, LINE;
    TlsAlpn: Tls, "tls.alpn", Bytes, LINE;
    TlsRandom: Tls, "tls.random", Bytes, LINE;
    TlsRandomTime: Tls, "tls.random_time", Bytes, LINE;
    TlsRandomBytes: Tls, "tls.random_bytes", Bytes, LINE;
    TlsVersion: Tls, "tls.version", Number, LINE;
    TlsCertSubject: Tls, "tls.cert_subject", Bytes, HEADERS;
    TlsCertIssuer: Tls, "tls.cert_issuer", Bytes, HEADERS;
    TlsCertSerial: Tls, "tls.cert_serial", Bytes, HEADERS;
    TlsCertFingerprint: Tls, "tls.cert_fingerprint", Bytes, HEADERS;
    TlsCerts: Tls, "tls.certs", Bytes, HEADERS;
    TlsSubjectAltName: Tls, "tls.subjectaltname", Bytes, HEADERS;
    // Seconds since 1970, of the first certificate.
    TlsNotBefore: Tls, "tls_cert_notbefore", Number, HEADERS;
    TlsNotAfter: Tls, "tls_cert_notafter", Number, HEADERS;
    TlsChainLength: Tls, "tls.cert_chain_len", Number, HEADERS;
    // Time of the packet that had the certificates, seconds since 1970.
    TlsCertTime: Tls, "(tls.cert_time)", Number, HEADERS;
    // Bits of messages seen.
    TlsState: Tls, "ssl_state", Number, DONE;
    TlsResumed: Tls, "(tls.session_resumed)", Number, DONE;
    TlsEch: Tls, "(tls.ech)", Number, LINE;
    TlsCipher: Tls, "(tls.cipher)", Number, LINE;
    // Version of the hello itself; lists of 16-bit numbers, most significant byte first.
    TlsHelloVersion: Tls, "(tls.hello_version)", Number, LINE;
    TlsCiphers: Tls, "(tls.ciphers)", Bytes, LINE;
    TlsExtensions: Tls, "(tls.extensions)", Bytes, LINE;
    TlsSignatures: Tls, "(tls.signatures)", Bytes, LINE;
    // Certificates for records, when they are to tell them whole.
    TlsChain: Tls, "(tls.chain)", Bytes, HEADERS;
    Ja3Hash: Tls, "ja3.hash", Bytes, LINE;
    Ja3String: Tls, "ja3.string", Bytes, LINE;
    Ja3sHash: Tls, "ja3s.hash", Bytes, LINE;
    Ja3sString: Tls, "ja3s.string", Bytes, LINE;
    Ja4Hash: Tls, "ja4.hash", Bytes, LINE;
    // A record, which is a transaction of its own then; its head, and what is behind it.
    TlsPdu: Tls, "frame:tls.pdu", Bytes, LINE;
    TlsHeader: Tls, "frame:tls.hdr", Bytes, LINE;
    TlsData: Tls, "frame:tls.data", Bytes, LINE;
    // QUIC.
    QuicVersion: Quic, "quic.version", Bytes, LINE;
    QuicSni: Quic, "quic.sni", Bytes, LINE;
    QuicUa: Quic, "quic.ua", Bytes, LINE;
    QuicCyuHash: Quic, "quic.cyu.hash", Bytes, LINE;
    QuicCyuString: Quic, "quic.cyu.string", Bytes, LINE;
    // Type in the upper 32 bits, length in the lower ones; the values of some follow as fields of their own.
    QuicExtension: Quic, "(quic.extension)", Bytes, LINE;
    // DNS.
    DnsQuery: Dns, "dns.query", Bytes, DONE;
    DnsQueriesName: Dns, "dns.queries.rrname", Bytes, DONE;
    DnsAnswersName: Dns, "dns.answers.rrname", Bytes, DONE;
    DnsAuthoritiesName: Dns, "dns.authorities.rrname", Bytes, DONE;
    DnsAdditionalsName: Dns, "dns.additionals.rrname", Bytes, DONE;
    DnsResponseName: Dns, "dns.response.rrname", Bytes, DONE;
    DnsOpcode: Dns, "dns.opcode", Number, DONE;
    DnsRcode: Dns, "dns.rcode", Number, DONE;
    DnsType: Dns, "dns.rrtype", Number, DONE;
    DnsPdu: Dns, "frame:dns.pdu", Bytes, DONE;
    MdnsQueriesName: Mdns, "mdns.queries.rrname", Bytes, DONE;
    MdnsAnswersName: Mdns, "mdns.answers.rrname", Bytes, DONE;
    MdnsAuthoritiesName: Mdns, "mdns.authorities.rrname", Bytes, DONE;
    MdnsAdditionalsName: Mdns, "mdns.additionals.rrname", Bytes, DONE;
    MdnsResponseName: Mdns, "mdns.response.rrname", Bytes, DONE;
    LlmnrQueriesName: Llmnr, "llmnr.queries.rrname", Bytes, DONE;
    LlmnrAnswersName: Llmnr, "llmnr.answers.rrname", Bytes, DONE;
    LlmnrAuthoritiesName: Llmnr, "llmnr.authorities.rrname", Bytes, DONE;
    LlmnrAdditionalsName: Llmnr, "llmnr.additionals.rrname", Bytes, DONE;
    LlmnrResponseName: Llmnr, "llmnr.response.rrname", Bytes, DONE;
    // EtherNet/IP.
    EnipCommand: Enip, "enip_command", Number, DONE;
    EnipStatus: Enip, "enip.status", Number, DONE;
    EnipProtocolVersion: Enip, "enip.protocol_version", Number, DONE;
    EnipRevision: Enip, "enip.revision", Number, DONE;
    EnipIdentityStatus: Enip, "enip.identity_status", Number, DONE;
    EnipState: Enip, "enip.state", Number, DONE;
    EnipSerial: Enip, "enip.serial", Number, DONE;
    EnipProductCode: Enip, "enip.product_code", Number, DONE;
    EnipDeviceType: Enip, "enip.device_type", Number, DONE;
    EnipVendorId: Enip, "enip.vendor_id", Number, DONE;
    EnipCapabilities: Enip, "enip.capabilities", Number, DONE;
    CipAttribute: Enip, "enip.cip_attribute", Number, DONE;
    CipClass: Enip, "enip.cip_class", Number, DONE;
    CipInstance: Enip, "enip.cip_instance", Number, DONE;
    CipStatus: Enip, "enip.cip_status", Number, DONE;
    CipExtendedStatus: Enip, "enip.cip_extendedstatus", Number, DONE;
    EnipProductName: Enip, "enip.product_name", Bytes, DONE;
    EnipServiceName: Enip, "enip.service_name", Bytes, DONE;
    EnipPdu: Enip, "frame:enip.pdu", Bytes, DONE;
    EnipHeader: Enip, "frame:enip.hdr", Bytes, DONE;
    EnipData: Enip, "frame:enip.data", Bytes, DONE;
    EnipItem: Enip, "frame:enip.item", Bytes, DONE;
    EnipCip: Enip, "frame:enip.cip", Bytes, DONE;
    Dnp3Data: Dnp3, "dnp3.data", Bytes, DONE;
}

impl Field {
    /// The field with this keyword.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|field| field.name() == name).copied()
    }

    /// The field of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Fields that only rules ask for, because records are made of others: those cost as much to put down as they do to judge.
const OF_RULES: &[Field] = &[
    Field::Pieces,
    Field::FileMd5,
    Field::FileSha1,
    Field::FileSha256,
    Field::HttpRequestHeader,
    Field::HttpResponseHeader,
    Field::HttpRequestFrame,
    Field::HttpResponseFrame,
    Field::FileName,
    Field::HttpUri,
    Field::HttpRequestLine,
    Field::HttpResponseLine,
    Field::HttpStart,
    Field::HttpHeader,
    Field::HttpHeaderRaw,
    Field::HttpHeaderNames,
    Field::HttpHostRaw,
    Field::HttpAccept,
    Field::HttpAcceptEnc,
    Field::HttpAcceptLang,
    Field::HttpConnection,
    Field::HttpContentLen,
    Field::HttpCookie,
    Field::HttpServer,
    Field::DnsQuery,
    Field::DnsQueriesName,
    Field::DnsAnswersName,
    Field::DnsAuthoritiesName,
    Field::DnsAdditionalsName,
    Field::DnsResponseName,
    Field::DnsOpcode,
    Field::DnsRcode,
    Field::DnsType,
    Field::DnsPdu,
    Field::MdnsQueriesName,
    Field::MdnsAnswersName,
    Field::MdnsAuthoritiesName,
    Field::MdnsAdditionalsName,
    Field::MdnsResponseName,
    Field::LlmnrQueriesName,
    Field::LlmnrAnswersName,
    Field::LlmnrAuthoritiesName,
    Field::LlmnrAdditionalsName,
    Field::LlmnrResponseName,
    Field::TlsRandom,
    Field::TlsRandomTime,
    Field::TlsRandomBytes,
    Field::TlsCerts,
    Field::TlsChainLength,
    Field::TlsCipher,
    Field::TlsHelloVersion,
    Field::TlsCiphers,
    Field::TlsExtensions,
    Field::TlsSignatures,
    Field::TlsChain,
    Field::TlsPdu,
    Field::TlsHeader,
    Field::TlsData,
    Field::EnipProductName,
    Field::EnipServiceName,
    Field::EnipPdu,
    Field::EnipHeader,
    Field::EnipData,
    Field::EnipItem,
    Field::EnipCip,
    Field::Dnp3Data,
];

/// Some fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields([u64; 4]);

impl Fields {
    /// All of them.
    pub const ALL: Self = Self([u64::MAX; 4]);

    /// None of them.
    pub const NONE: Self = Self([0; 4]);

    /// What records are made of.
    pub fn of_records() -> Self {
        let mut fields = Self::NONE;
        Field::ALL.iter().filter(|field| !OF_RULES.contains(field)).for_each(|&field| fields.add(field));
        fields
    }

    /// Adds `field`.
    #[inline]
    pub fn add(&mut self, field: Field) {
        let number = field as usize;
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Takes `field` out.
    pub fn remove(&mut self, field: Field) {
        let number = field as usize;
        if let Some(word) = self.0.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Whether `field` is among them.
    #[inline]
    pub fn contains(&self, field: Field) -> bool {
        let number = field as usize;
        self.0.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Whether all `others` are among them.
    #[inline]
    pub fn contains_all(&self, others: &Self) -> bool {
        self.0.iter().zip(&others.0).all(|(word, other)| other & !word == 0)
    }

    /// These and `others`.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let mut all = self;
        all.0.iter_mut().zip(others.0).for_each(|(word, other)| *word |= other);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Fields};

    #[test]
    fn names_lead_back_and_numbers_fit_a_byte() {
        assert!(Field::ALL.len() <= 256);
        for (number, &field) in Field::ALL.iter().enumerate() {
            assert_eq!(field as usize, number);
            assert_eq!(Field::from_name(field.name()), Some(field));
            assert_eq!(Field::from_number(number as u8), Some(field));
        }
    }

    #[test]
    fn sets_hold_what_was_added() {
        let mut some = Fields::default();
        some.add(Field::Event);
        some.add(Field::Dnp3Data);
        for &field in Field::ALL {
            assert_eq!(some.contains(field), matches!(field, Field::Event | Field::Dnp3Data));
            assert!(Fields::ALL.contains(field));
        }
    }
}
