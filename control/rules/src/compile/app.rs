//! Keywords of application protocols into questions about messages.
//!
//! Called by `rule`, `check` and `program`. A protocol without a parser is refused with its name; a parser that the settings leave off is warned about
//! by `rule`.
//!
//! Source: the public rule documentation, "ENIP/CIP Keywords", "Modbus Keyword", "Generic App Layer Keywords", "Frames".

use super::{Refusal, program::range};
use crate::{
    diagnostic::Problem,
    syntax::{
        comparison::Comparison,
        keyword::{
            app::{AppMatch, AppValue},
            protocol::{AppLayerProtocol, DetectionMode},
        },
        protocol::{AppProtocol as Named, Protocol},
        rule::BufferUse,
    },
};
use sluice_app::{
    AppEvent, AppProtocol, Field,
    dnp3::fields::{self as dnp3, Dnp3Test},
    dns::names as dns,
    enip::{fields::ServiceTest, parse},
    field::Kind,
    http2::frame as http2,
    modbus::fields::{Access, Category, FunctionTest, ModbusTest},
};
use sluice_detect::{
    app::{AppCheck, FlowProtocol, Protocols},
    range::Range,
};

/// The protocols of this name, where there are parsers for them.
pub(super) fn parsers_of(named: Named) -> Option<Protocols> {
    Some(Protocols::of(match named {
        // A flow of HTTP/2 that carries DNS is both.
        Named::Http => return Some(Protocols::of(AppProtocol::Http).and(parsers_of(Named::Http2)?)),
        Named::Http2 => return Some(Protocols::of(AppProtocol::Http2).and(Protocols::of(AppProtocol::Doh2))),
        Named::Dns => return Some(Protocols::of(AppProtocol::Dns).and(Protocols::of(AppProtocol::Doh2))),
        Named::Doh2 => AppProtocol::Doh2,
        Named::Http1 => AppProtocol::Http,
        Named::Tls => AppProtocol::Tls,
        Named::Quic => AppProtocol::Quic,
        Named::Mdns => AppProtocol::Mdns,
        Named::Llmnr => AppProtocol::Llmnr,
        Named::Enip => AppProtocol::Enip,
        Named::Modbus => AppProtocol::Modbus,
        Named::Dnp3 => AppProtocol::Dnp3,
        _ => return None,
    }))
}

/// The protocols in whose transactions `field` is found.
pub(super) fn protocols_of_field(field: Field) -> Protocols {
    let of = |protocols: &[AppProtocol]| {
        protocols.iter().fold(Protocols::default(), |all, &protocol| all.and(Protocols::of(protocol)))
    };
    match field {
        Field::Ja3Hash | Field::Ja3String | Field::Ja3sHash | Field::Ja3sString | Field::Ja4Hash => {
            of(&[AppProtocol::Tls, AppProtocol::Quic])
        }
        field if field.protocol() == AppProtocol::Http => of(&[AppProtocol::Http, AppProtocol::Http2]),
        field => Protocols::of(field.protocol()),
    }
}

/// The protocols whose messages `check` is about.
pub(super) fn protocols_of(check: &AppCheck) -> Protocols {
    Protocols::of(match check {
        AppCheck::Number(field, _) => return protocols_of_field(*field),
        AppCheck::CipService(_) => AppProtocol::Enip,
        AppCheck::Modbus(_) => AppProtocol::Modbus,
        AppCheck::Dnp3(_) => AppProtocol::Dnp3,
        AppCheck::Reached { protocols, .. } => return *protocols,
        AppCheck::Tls(_) => AppProtocol::Tls,
        AppCheck::File(_) => return protocols_of_field(Field::FileName),
        AppCheck::Event(event) => event.protocol(),
    })
}

/// `app-layer-protocol`.
pub(super) fn flow_protocol(wanted: &AppLayerProtocol) -> Result<FlowProtocol, Refusal> {
    let mut any = Protocols::default();
    let (mut failed, mut unknown) = (false, false);
    for &named in &wanted.protocols {
        match named {
            Named::Failed => failed = true,
            Named::Unknown => unknown = true,
            _ => {}
        }
        if matches!(named, Named::Failed | Named::Unknown) {
            continue;
        }
        any = any.and(parsers_of(named).ok_or(Refusal::Needs(named.name()))?);
        if wanted.mode == DetectionMode::Exact && named != Named::Doh2 {
            any = any.without(AppProtocol::Doh2);
        }
    }
    let original = wanted.mode == DetectionMode::Original;
    Ok(FlowProtocol { any, failed, unknown, negated: wanted.negated, original })
}

/// `app-layer-event`.
pub(super) fn event(name: &str) -> Result<AppCheck, Refusal> {
    if let Some(event) = AppEvent::from_name(name) {
        return Ok(AppCheck::Event(event));
    }
    let protocol = name.split_once('.').map_or(name, |(protocol, _)| protocol);
    match Named::from_name(protocol) {
        Some(named) if parsers_of(named).is_some() => Err(Refusal::Wrong(Problem::UnknownEvent { name: name.into() })),
        Some(named) => Err(Refusal::Needs(named.name())),
        None => Err(Refusal::Needs("app-layer")),
    }
}

/// The buffer of an application protocol, if it is one there is a parser for.
pub(super) fn buffer(used: &BufferUse, header: Protocol) -> Option<Field> {
    match used.buffer.name {
        "frame" => frame(used.argument.as_deref()?, header),
        name => Field::from_name(name).filter(|field| field.kind() != Kind::Number),
    }
}

/// A frame by its name, which begins with the protocol's unless the rule's header has said that.
fn frame(name: &str, header: Protocol) -> Option<Field> {
    if name == "dns.pdu" || (name == "pdu" && header == Protocol::App(Named::Dns)) {
        return Some(Field::DnsPdu);
    }
    if header != Protocol::App(Named::Enip) {
        match name {
            "http1.request" => return Some(Field::HttpRequestFrame),
            "http1.response" => return Some(Field::HttpResponseFrame),
            _ => {}
        }
    }
    let of_tls = match (name.strip_prefix("tls."), header) {
        (Some(rest), _) => Some(rest),
        (None, Protocol::App(Named::Tls)) => Some(name),
        (None, _) => None,
    };
    if let Some(name) = of_tls {
        return Some(match name {
            "pdu" => Field::TlsPdu,
            "hdr" => Field::TlsHeader,
            "data" => Field::TlsData,
            _ => return None,
        });
    }
    let name = match (name.strip_prefix("enip."), header) {
        (Some("item") | None, Protocol::App(Named::Enip)) => name,
        (Some(rest), _) => rest,
        (None, _) => return None,
    };
    Some(match name {
        "pdu" => Field::EnipPdu,
        "hdr" => Field::EnipHeader,
        "data" => Field::EnipData,
        "enip.item" => Field::EnipItem,
        "cip" => Field::EnipCip,
        _ => return None,
    })
}

/// A keyword with a value, if its protocol has a parser.
pub(super) fn check(app: &AppMatch) -> Result<AppCheck, Refusal> {
    let field = match app.name {
        "modbus" => return modbus(text(app)?).map(AppCheck::Modbus),
        "dnp3_func" => return dnp3_function(text(app)?).map(AppCheck::Dnp3),
        "dnp3_ind" => return dnp3_indications(text(app)?).map(AppCheck::Dnp3),
        "dnp3_obj" => return dnp3_object(text(app)?).map(AppCheck::Dnp3),
        "cip_service" => return cip_service(text(app)?).map(AppCheck::CipService),
        "tls.version" | "ssl_version" | "ssl_state" | "tls.subject" | "tls.issuerdn" | "tls.fingerprint"
        | "tls_cert_notbefore" | "tls_cert_notafter" | "tls_cert_expired" | "tls_cert_valid" => {
            return super::tls::check(app).map(AppCheck::Tls);
        }
        "filename" | "fileext" | "filesize" | "filestore" | "filemd5" | "filesha1" | "filesha256" => {
            return super::file::check(app).map(AppCheck::File);
        }
        "enip_command" => Field::EnipCommand,
        "enip.status" => Field::EnipStatus,
        "enip.protocol_version" => Field::EnipProtocolVersion,
        "enip.revision" => Field::EnipRevision,
        "enip.identity_status" => Field::EnipIdentityStatus,
        "enip.state" => Field::EnipState,
        "enip.serial" => Field::EnipSerial,
        "enip.product_code" => Field::EnipProductCode,
        "enip.device_type" => Field::EnipDeviceType,
        "enip.vendor_id" => Field::EnipVendorId,
        "enip.capabilities" => Field::EnipCapabilities,
        "enip.cip_attribute" => Field::CipAttribute,
        "enip.cip_class" => Field::CipClass,
        "enip.cip_instance" => Field::CipInstance,
        "enip.cip_status" => Field::CipStatus,
        "enip.cip_extendedstatus" => Field::CipExtendedStatus,
        name => {
            Field::from_name(name).filter(|field| field.kind() == Kind::Number).ok_or(Refusal::Needs(app.feature))?
        }
    };
    let wanted = match (&app.value, field) {
        (AppValue::Number(number), _) => range(*number),
        (AppValue::Text { negated, bytes }, Field::EnipCommand) => {
            let number = parse::command_of(bytes).ok_or(word("a command, such as list_identity or send_rr_data"))?;
            Range { negated: *negated, ..Range::exactly(u64::from(number)) }
        }
        (AppValue::Text { negated, bytes }, Field::EnipStatus) => {
            let number = parse::status_of(bytes).ok_or(word("a status, such as success or invalid_cmd"))?;
            Range { negated: *negated, ..Range::exactly(u64::from(number)) }
        }
        (AppValue::Text { negated, bytes }, Field::DnsRcode) => {
            let number = std::str::from_utf8(bytes).ok().and_then(dns::code_number);
            let number = number.ok_or(word("a code, such as NOERROR or NXDOMAIN"))?;
            Range { negated: *negated, ..Range::exactly(u64::from(number)) }
        }
        (AppValue::Text { negated, bytes }, Field::DnsType) => {
            let number = std::str::from_utf8(bytes).ok().and_then(dns::type_number);
            let number = number.ok_or(word("a type of records, such as A, TXT or HTTPS"))?;
            Range { negated: *negated, ..Range::exactly(u64::from(number)) }
        }
        (AppValue::Text { negated, bytes }, Field::Http2FrameType) => {
            let number = std::str::from_utf8(bytes).ok().and_then(http2::kind_number);
            let number = number.ok_or(word("a type of frames, such as GOAWAY or WINDOW_UPDATE"))?;
            Range { negated: *negated, ..Range::exactly(u64::from(number)) }
        }
        (AppValue::Text { negated, bytes }, Field::Http2ErrorCode) => {
            let number = std::str::from_utf8(bytes).ok().and_then(http2::error_number);
            let number = number.ok_or(word("an error, such as NO_ERROR or CANCEL"))?;
            Range { negated: *negated, ..Range::exactly(u64::from(number)) }
        }
        (AppValue::Text { .. }, Field::Http2Settings) => http2_setting(text(app)?)?,
        _ => return Err(Refusal::Needs(app.feature)),
    };
    Ok(AppCheck::Number(field, wanted))
}

/// `SETTINGS_NAME`, and a comparison behind it: `=n`, `>n`, `<n`, `>=n`, `<=n` or `a-b`.
fn http2_setting(text: &str) -> Result<Range<u64>, Refusal> {
    const FORM: &str = "a setting and =n, >n, <n, >=n, <=n or =a-b, such as SETTINGS_ENABLE_PUSH=0";
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let id = http2::setting_number(name).ok_or(word("a setting, such as SETTINGS_MAX_FRAME_SIZE"))?;
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| malformed(FORM));
    let rest = rest.trim();
    let (low, high) = if let Some(least) = rest.strip_prefix(">=") {
        (number(least)?, u32::MAX)
    } else if let Some(most) = rest.strip_prefix("<=") {
        (0, number(most)?)
    } else if let Some(below) = rest.strip_prefix('>') {
        (number(below)?.checked_add(1).ok_or(malformed(FORM))?, u32::MAX)
    } else if let Some(above) = rest.strip_prefix('<') {
        (0, number(above)?.checked_sub(1).ok_or(malformed(FORM))?)
    } else {
        let exact = rest.strip_prefix('=').unwrap_or(rest);
        match exact.split_once('-') {
            // Both ends of a range are outside, as they are elsewhere.
            Some((low, high)) => (
                number(low)?.checked_add(1).ok_or(malformed(FORM))?,
                number(high)?.checked_sub(1).ok_or(malformed(FORM))?,
            ),
            None => (number(exact)?, number(exact)?),
        }
    };
    if low > high {
        return Err(malformed(FORM));
    }
    let of = |value: u32| u64::from(id) << 32 | u64::from(value);
    Ok(Range::between(of(low), of(high)))
}

const fn word(expected: &'static str) -> Refusal {
    Refusal::Wrong(Problem::UnknownWord { expected })
}

fn text(app: &AppMatch) -> Result<&str, Refusal> {
    match &app.value {
        AppValue::Text { negated: false, bytes } => std::str::from_utf8(bytes).map_err(|_| malformed("plain text")),
        _ => Err(malformed("a value without negation")),
    }
}

fn malformed(expected: &'static str) -> Refusal {
    Refusal::Wrong(Problem::Malformed { expected })
}

fn dnp3_function(text: &str) -> Result<Dnp3Test, Refusal> {
    let number = text.parse().ok().or_else(|| dnp3::function_of(text));
    number.map(Dnp3Test::Function).ok_or(word("a number up to 255 or a function, such as read or unsolicited_response"))
}

fn dnp3_indications(text: &str) -> Result<Dnp3Test, Refusal> {
    let mut bits = 0;
    for name in text.split(',') {
        let bit = dnp3::indication_of(name.trim());
        bits |= bit.ok_or(word("internal indications with commas between, such as device_restart"))?;
    }
    Ok(Dnp3Test::Indications(bits))
}

fn dnp3_object(text: &str) -> Result<Dnp3Test, Refusal> {
    let numbers = text
        .split_once(',')
        .and_then(|(group, variation)| Some((group.trim().parse().ok()?, variation.trim().parse().ok()?)));
    let (group, variation) = numbers.ok_or(malformed("group,variation, numbers up to 255"))?;
    Ok(Dnp3Test::Object(group, variation))
}

/// `service[,class[,attribute]]`
fn cip_service(text: &str) -> Result<ServiceTest, Refusal> {
    const FORM: &str = "service[,class[,attribute]], numbers up to 127, 65535 and 65535";
    let mut numbers = text.split(',').map(|number| number.trim().parse::<u32>().map_err(|_| malformed(FORM)));
    let service = numbers.next().unwrap_or(Err(malformed(FORM)))?;
    let (class, attribute) = (numbers.next().transpose()?, numbers.next().transpose()?);
    let fits = service < 128 && [class, attribute].into_iter().flatten().all(|number| number <= 0xffff);
    if !fits || numbers.next().is_some() {
        return Err(malformed(FORM));
    }
    Ok(ServiceTest { service: service as u8, class, attribute })
}

/// The value of `modbus`: parts with commas between, each a word and what is asked.
fn modbus(text: &str) -> Result<ModbusTest, Refusal> {
    const FORM: &str = "unit, function, subfunction, access, address or value, each with what is asked of it";
    let mut test = ModbusTest::default();
    for part in text.split(',') {
        let part = part.trim();
        let (word, asked) = part.split_once(char::is_whitespace).ok_or(malformed(FORM))?;
        let asked = asked.trim();
        match word {
            "unit" => test.unit = Some(span(asked)?),
            "function" => test.function = Some(function(asked)?),
            "subfunction" => match &mut test.function {
                Some(FunctionTest::Code(_, sub)) => {
                    *sub = Some(asked.parse().map_err(|_| malformed("a number up to 65535"))?);
                }
                _ => return Err(malformed("function <number> before subfunction")),
            },
            "access" => test.access = access(asked)?,
            "address" if test.access != 0 => test.address = Some(span(asked)?),
            "value" if test.access & Access::WRITE != 0 => test.value = Some(span(asked)?),
            "address" => return Err(malformed("access before address")),
            "value" => return Err(malformed("access write before value")),
            _ => return Err(malformed(FORM)),
        }
    }
    Ok(test)
}

/// `100`, `>100`, `<100` or `100<>200`; both ends of a range are outside.
fn span(text: &str) -> Result<(u32, u32), Refusal> {
    const FORM: &str = "n, >n, <n or a<>b, up to 65535";
    let number = |text: &str| text.trim().parse::<u16>().map(u32::from).map_err(|_| malformed(FORM));
    let comparison = if let Some((low, high)) = text.split_once("<>") {
        Comparison::Between(number(low)?, number(high)?)
    } else if let Some(rest) = text.strip_prefix('>') {
        Comparison::Greater(number(rest)?)
    } else if let Some(rest) = text.strip_prefix('<') {
        Comparison::Less(number(rest)?)
    } else {
        Comparison::Equal(number(text)?)
    };
    let Range { low, high, .. } = range(comparison);
    if low > high {
        return Err(malformed("a range with numbers inside"));
    }
    Ok((low, high))
}

fn function(text: &str) -> Result<FunctionTest, Refusal> {
    use Category::{PublicAssigned, PublicUnassigned, Reserved, UserDefined};
    if let Ok(code) = text.parse::<u8>() {
        return match code {
            1..=127 => Ok(FunctionTest::Code(code, None)),
            _ => Err(malformed("a function from 1 to 127")),
        };
    }
    let (negated, name) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest.trim()));
    let any = match name {
        "assigned" => vec![PublicAssigned],
        "unassigned" => vec![PublicUnassigned],
        "public" => vec![PublicAssigned, PublicUnassigned],
        "user" => vec![UserDefined],
        "reserved" => vec![Reserved],
        "all" => vec![PublicAssigned, PublicUnassigned, UserDefined, Reserved],
        _ => return Err(word("a number, or assigned, unassigned, public, user, reserved or all")),
    };
    Ok(FunctionTest::Category { any, negated })
}

fn access(text: &str) -> Result<u8, Refusal> {
    let (way, table) =
        text.split_once(char::is_whitespace).map_or((text, None), |(way, table)| (way, Some(table.trim())));
    let way = match way {
        "read" => Access::READ,
        "write" => Access::WRITE,
        _ => return Err(word("read or write")),
    };
    let table = match table {
        None => 0,
        Some("coils") => Access::COILS,
        Some("holding") => Access::HOLDING,
        Some("discretes") if way == Access::READ => Access::DISCRETES,
        Some("input") if way == Access::READ => Access::INPUT,
        _ => return Err(word("coils or holding, and for read discretes or input")),
    };
    Ok(way | table)
}

#[cfg(test)]
mod tests {
    use super::{cip_service, modbus, span};

    #[test]
    fn ranges_leave_out_their_ends_and_need_numbers_inside() {
        assert_eq!(span("0<>2").unwrap(), (1, 1));
        assert_eq!(span(">100").unwrap(), (101, u32::MAX));
        assert_eq!(span("<1").unwrap(), (0, 0));
        for wrong in ["<0", "2<>3", "x", "", "65536"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for sound in [
            "function 8, subfunction 4",
            "unit 10, access write holding, address 500, value >200",
            "function !reserved",
        ] {
            assert!(modbus(sound).is_ok(), "{sound}");
        }
        for wrong in [
            "function 0",
            "function 200",
            "subfunction 4",
            "access write input",
            "address 5",
            "access read, value 1",
            "nonsense 3",
            "",
        ] {
            assert!(modbus(wrong).is_err(), "{wrong}");
        }
        assert!(cip_service("16,246,6").is_ok());
        for wrong in ["", "128", "1,2,3,4", "1,70000", "a"] {
            assert!(cip_service(wrong).is_err(), "{wrong}");
        }
    }
}
