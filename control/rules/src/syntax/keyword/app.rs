//! Keywords with a value that are kept in a general form: application protocols, files, and a few old ones.
//!
//! Called through the keyword table, which is filled from `APP_KEYWORDS`. The value is checked as far as the
//! table says; what it means to the protocol is up to `compile`.
//!
//! Source: the public rule documentation, one chapter per protocol, and the corpora.
use super::{Keyword, Target, Use};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::comparison::Comparison;
use crate::syntax::lexer::unescape;
use crate::syntax::protocol::AppProtocol as P;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// A keyword with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppMatch {
    /// Canonical name, for example `tls.version`.
    pub name: &'static str,
    /// What the engine must have for it, for example `tls`.
    pub feature: &'static str,
    /// The value.
    pub value: AppValue,
}

/// The value of a keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppValue {
    /// None was given.
    None,
    /// A comparison with a number.
    Number(Comparison<u64>),
    /// Digests, read from the file that the text named: sorted.
    Digests {
        /// `!` before it.
        negated: bool,
        /// The digests.
        list: Box<[Box<[u8]>]>,
    },
    /// Text: quotes, escapes and a leading `!` taken away.
    Text {
        /// `!` before it.
        negated: bool,
        /// The text.
        bytes: Box<[u8]>,
    },
}

/// Form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// No value.
    Nothing,
    /// Any text.
    Text,
    /// Any text, or no value.
    OptionalText,
    /// A comparison with a number up to this.
    Number(u64),
    /// A comparison with a number, or a word the protocol knows.
    NumberOrWord(u64),
    /// One of these words.
    Words(&'static [&'static str], &'static str),
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct AppKeyword {
    pub name: &'static str,
    pub canonical: &'static str,
    pub feature: &'static str,
    pub protocols: &'static [P],
    pub form: Form,
}

const fn k(name: &'static str, feature: &'static str, protocols: &'static [P], form: Form) -> AppKeyword {
    AppKeyword { name, canonical: name, feature, protocols, form }
}

const fn also(name: &'static str, like: AppKeyword) -> AppKeyword {
    AppKeyword { name, ..like }
}

const U8: u64 = u8::MAX as u64;
const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;
const HTTP2: &[P] = &[P::Http, P::Http2];
const RPC: &[P] = &[P::Dcerpc, P::Smb];
const YES_NO: Form = Form::Words(&["yes", "no"], "yes or no");

use Form::{Nothing, Number, NumberOrWord, OptionalText, Text, Words};

/// Every keyword of this kind.
pub(crate) static APP_KEYWORDS: &[AppKeyword] = &[
    // Files.
    k("filename", "file", &[], Text),
    k("fileext", "file", &[], Text),
    k("filemagic", "magic", &[], Text),
    k("filemd5", "filehash", &[], Text),
    k("filesha1", "filehash", &[], Text),
    k("filesha256", "filehash", &[], Text),
    k("filesize", "file", &[], Text),
    k("filestore", "filestore", &[], OptionalText),
    // HTTP/2.
    k("http2.frametype", "http2", HTTP2, NumberOrWord(U8)),
    k("http2.errorcode", "http2", HTTP2, NumberOrWord(U32)),
    k("http2.priority", "http2", HTTP2, Number(U8)),
    k("http2.window", "http2", HTTP2, Number(U32)),
    k("http2.size_update", "http2", HTTP2, Number(U64)),
    k("http2.settings", "http2", HTTP2, Text),
    // TLS.
    k("tls.version", "tls", &[P::Tls], Text),
    k("tls.subject", "tls", &[P::Tls], Text),
    k("tls.issuerdn", "tls", &[P::Tls], Text),
    k("tls.fingerprint", "tls", &[P::Tls], Text),
    k("tls.store", "tls", &[P::Tls], Nothing),
    also("tls_store", k("tls.store", "tls", &[P::Tls], Nothing)),
    k("tls.cert_chain_len", "tls", &[P::Tls], Number(U32)),
    k("tls_cert_notbefore", "tls", &[P::Tls], Text),
    k("tls_cert_notafter", "tls", &[P::Tls], Text),
    k("tls_cert_expired", "tls", &[P::Tls], Nothing),
    k("tls_cert_valid", "tls", &[P::Tls], Nothing),
    k("ssl_state", "tls", &[P::Tls], Text),
    k("ssl_version", "tls", &[P::Tls], Text),
    // DNS.
    k("dns.opcode", "dns", &[P::Dns], NumberOrWord(U8)),
    k("dns.rcode", "dns", &[P::Dns], NumberOrWord(U16)),
    k("dns.rrtype", "dns", &[P::Dns], NumberOrWord(U16)),
    // FTP.
    k("ftp.mode", "ftp", &[P::Ftp], Words(&["active", "passive"], "active or passive")),
    k("ftp.reply_received", "ftp", &[P::Ftp], YES_NO),
    k("ftp.dynamic_port", "ftp", &[P::Ftp], Number(U16)),
    k("ftpbounce", "ftp", &[P::Ftp], Nothing),
    k("ftpdata_command", "ftp", &[P::FtpData], Words(&["stor", "retr"], "stor or retr")),
    // SSH.
    k("ssh.protoversion", "ssh", &[P::Ssh], Text),
    k("ssh.softwareversion", "ssh", &[P::Ssh], Text),
    // SMB and DCE/RPC.
    k("smb.version", "smb", &[P::Smb], Text),
    k("dcerpc.iface", "dcerpc", RPC, Text),
    also("dce_iface", k("dcerpc.iface", "dcerpc", RPC, Text)),
    k("dcerpc.opnum", "dcerpc", RPC, Text),
    also("dce_opnum", k("dcerpc.opnum", "dcerpc", RPC, Text)),
    // NFS.
    k("nfs_procedure", "nfs", &[P::Nfs], Number(U32)),
    also("nfs.procedure", k("nfs_procedure", "nfs", &[P::Nfs], Number(U32))),
    k("nfs_version", "nfs", &[P::Nfs], Number(U32)),
    also("nfs.version", k("nfs_version", "nfs", &[P::Nfs], Number(U32))),
    k("rpc", "rpc", &[], Text),
    // Kerberos.
    k("krb5_msg_type", "krb5", &[P::Krb5], Number(U8)),
    also("krb5.msg_type", k("krb5_msg_type", "krb5", &[P::Krb5], Number(U8))),
    k("krb5_err_code", "krb5", &[P::Krb5], Text),
    also("krb5.err_code", k("krb5_err_code", "krb5", &[P::Krb5], Text)),
    k("krb5.ticket_encryption", "krb5", &[P::Krb5], Text),
    // SNMP.
    k("snmp.version", "snmp", &[P::Snmp], Number(U32)),
    k("snmp.pdu_type", "snmp", &[P::Snmp], NumberOrWord(U32)),
    // LDAP.
    k("ldap.request.operation", "ldap", &[P::Ldap], NumberOrWord(U8)),
    k("ldap.responses.operation", "ldap", &[P::Ldap], Text),
    k("ldap.responses.count", "ldap", &[P::Ldap], Number(U32)),
    k("ldap.responses.result_code", "ldap", &[P::Ldap], Text),
    // DHCP, NTP.
    k("dhcp.leasetime", "dhcp", &[P::Dhcp], Number(U64)),
    k("dhcp.rebinding_time", "dhcp", &[P::Dhcp], Number(U64)),
    k("dhcp.renewal_time", "dhcp", &[P::Dhcp], Number(U64)),
    k("ntp.mode", "ntp", &[P::Ntp], NumberOrWord(U8)),
    k("ntp.stratum", "ntp", &[P::Ntp], Number(U8)),
    k("ntp.version", "ntp", &[P::Ntp], Number(U8)),
    // RFB, MQTT, QUIC, IKE, WebSocket.
    k("rfb.secresult", "rfb", &[P::Rfb], NumberOrWord(U32)),
    k("rfb.sectype", "rfb", &[P::Rfb], Number(U32)),
    k("mqtt.type", "mqtt", &[P::Mqtt], Text),
    k("mqtt.flags", "mqtt", &[P::Mqtt], Text),
    k("mqtt.qos", "mqtt", &[P::Mqtt], Number(U8)),
    k("mqtt.protocol_version", "mqtt", &[P::Mqtt], Number(U8)),
    k("mqtt.reason_code", "mqtt", &[P::Mqtt], Number(U8)),
    also("mqtt.connack.return_code", k("mqtt.reason_code", "mqtt", &[P::Mqtt], Number(U8))),
    k("mqtt.connack.session_present", "mqtt", &[P::Mqtt], Words(&["yes", "no", "true", "false"], "yes or no")),
    k("mqtt.connect.flags", "mqtt", &[P::Mqtt], Text),
    k("ike.exchtype", "ike", &[P::Ike], Number(U8)),
    k("ike.chosen_sa_attribute", "ike", &[P::Ike], Text),
    k("ike.key_exchange_payload_length", "ike", &[P::Ike], Number(U32)),
    k("ike.nonce_payload_length", "ike", &[P::Ike], Number(U32)),
    k("websocket.opcode", "websocket", &[P::WebSocket], NumberOrWord(U8)),
    k("websocket.mask", "websocket", &[P::WebSocket], Number(U32)),
    k("websocket.flags", "websocket", &[P::WebSocket], Text),
    // Industrial.
    k("modbus", "modbus", &[P::Modbus], Text),
    k("dnp3_func", "dnp3", &[P::Dnp3], Text),
    also("dnp3.func", k("dnp3_func", "dnp3", &[P::Dnp3], Text)),
    k("dnp3_ind", "dnp3", &[P::Dnp3], Text),
    also("dnp3.ind", k("dnp3_ind", "dnp3", &[P::Dnp3], Text)),
    k("dnp3_obj", "dnp3", &[P::Dnp3], Text),
    also("dnp3.obj", k("dnp3_obj", "dnp3", &[P::Dnp3], Text)),
    k("enip_command", "enip", &[P::Enip], NumberOrWord(U16)),
    also("enip.command", k("enip_command", "enip", &[P::Enip], NumberOrWord(U16))),
    k("cip_service", "enip", &[P::Enip], Text),
    also("enip.cip_service", k("cip_service", "enip", &[P::Enip], Text)),
    k("enip.capabilities", "enip", &[P::Enip], Number(U16)),
    k("enip.cip_attribute", "enip", &[P::Enip], Number(U32)),
    k("enip.cip_class", "enip", &[P::Enip], Number(U32)),
    k("enip.cip_extendedstatus", "enip", &[P::Enip], Number(U16)),
    k("enip.cip_instance", "enip", &[P::Enip], Number(U32)),
    k("enip.cip_status", "enip", &[P::Enip], Number(U8)),
    k("enip.device_type", "enip", &[P::Enip], Number(U16)),
    k("enip.identity_status", "enip", &[P::Enip], Number(U16)),
    k("enip.product_code", "enip", &[P::Enip], Number(U16)),
    k("enip.protocol_version", "enip", &[P::Enip], Number(U16)),
    k("enip.revision", "enip", &[P::Enip], Number(U16)),
    k("enip.serial", "enip", &[P::Enip], Number(U32)),
    k("enip.state", "enip", &[P::Enip], Number(U8)),
    k("enip.status", "enip", &[P::Enip], NumberOrWord(U32)),
    k("enip.vendor_id", "enip", &[P::Enip], Number(U16)),
    // SCTP.
    k("sctp.chunk_cnt", "sctp", &[], Number(U16)),
    k("sctp.chunk_type", "sctp", &[], NumberOrWord(U8)),
    k("sctp.vtag", "sctp", &[], Number(U32)),
    // The rest.
    k("asn1", "asn1", &[], Text),
    k("config", "config", &[], Text),
    k("lua", "lua", &[], Text),
    also("luajit", k("lua", "lua", &[], Text)),
    k("nfq_set_mark", "nfq", &[], Text),
];

const U64: u64 = u64::MAX;

/// The keywords of the table.
pub(super) fn keywords() -> impl Iterator<Item = Keyword> {
    APP_KEYWORDS.iter().map(|row| Keyword {
        name: row.name,
        canonical: row.canonical,
        feature: row.feature,
        parse: app,
        target: Target::App(row),
    })
}

fn app(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let Target::App(row) = option.keyword.target else { return Ok(()) };
    let value = match (row.form, option.value) {
        (Nothing, _) => {
            option.no_value()?;
            AppValue::None
        }
        (OptionalText, None) => AppValue::None,
        (Text | OptionalText, _) => text(option.value("a value")?)?,
        (Number(most), _) => number(option.value("a number, <n, >n or a<>b")?, most)?,
        (NumberOrWord(most), _) => {
            let value = option.value("a number or a word")?.unquoted()?;
            if value.bytes().iter().any(u8::is_ascii_alphabetic) && !value.bytes().windows(2).any(|w| w == b"0x") {
                text(value)?
            } else {
                number(value, most)?
            }
        }
        (Words(words, expected), _) => {
            let value = option.value(expected)?.unquoted()?;
            if !words.iter().any(|w| value.is(w)) {
                return Err(value.fault(Problem::UnknownWord { expected }));
            }
            AppValue::Text { negated: false, bytes: value.bytes().to_ascii_lowercase().into() }
        }
    };
    rule.belongs_to(option, row.protocols)?;
    rule.push(option, MatchKind::App(AppMatch { name: row.canonical, feature: row.feature, value }));
    Ok(())
}

fn text(value: Value<'_>) -> Result<AppValue, Fault> {
    let (negated, value) = value.negation();
    let value = value.unquoted()?;
    if value.is_empty() {
        return Err(value.malformed("a value"));
    }
    Ok(AppValue::Text { negated, bytes: unescape(value.bytes()).into() })
}

fn number(value: Value<'_>, most: u64) -> Result<AppValue, Fault> {
    let value = value.unquoted()?;
    let comparison = Comparison::<u64>::parse(value)?;
    use Comparison as C;
    let greatest = match comparison {
        C::Equal(n) | C::NotEqual(n) | C::Less(n) | C::LessOrEqual(n) | C::Greater(n) | C::GreaterOrEqual(n) => n,
        C::Between(_, n) | C::NotBetween(_, n) => n,
        C::Bits { mask, .. } | C::NotBits { mask, .. } => mask,
    };
    if greatest > most {
        return Err(value.fault(Problem::OutOfRange { min: 0, max: i128::from(most) }));
    }
    Ok(AppValue::Number(comparison))
}
