//! `dataset`, `datarep`, `iprep`: membership of lists kept outside the rules.
//!
//! Called through the keyword table. The files are not read here; `dataset_file` checks them while loading.
//!
//! Source: the public rule documentation, "Datasets" and "IP Reputation Keyword".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::comparison::Comparison;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// What is done with the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetOperation {
    /// `isset`.
    IsSet,
    /// `isnotset`.
    IsNotSet,
    /// `set`: the value is put in.
    Set,
    /// `unset`: the value is taken out.
    Unset,
}

/// What the set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetType {
    /// Bytes, base64 in files.
    String,
    /// MD5, hexadecimal in files.
    Md5,
    /// SHA-256, hexadecimal in files.
    Sha256,
    /// IPv4 addresses.
    Ipv4,
    /// Addresses of either family; IPv6 in files may hold IPv4.
    Ip,
}

/// Format of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatasetFormat {
    /// One value a line.
    #[default]
    Csv,
    /// One JSON document with an array.
    Json,
    /// One JSON object a line.
    Ndjson,
}

/// `dataset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// What.
    pub operation: DatasetOperation,
    /// The set.
    pub name: Box<str>,
    /// What it holds; absent when another rule declares it.
    pub kind: Option<DatasetType>,
    /// `load`: read at start.
    pub load: Option<Box<str>>,
    /// `save`: written at the end.
    pub save: Option<Box<str>>,
    /// `state`: both.
    pub state: Option<Box<str>>,
    /// Format of the file.
    pub format: DatasetFormat,
    /// `context_key`: under which name the value's object goes to the alert.
    pub context_key: Option<Box<str>>,
    /// `value_key`: where in an object the value is.
    pub value_key: Option<Box<str>>,
    /// `array_key`: where in the document the array is.
    pub array_key: Option<Box<str>>,
    /// `remove_key`: the value is left out of the context.
    pub remove_key: bool,
    /// `memcap` in bytes.
    pub memcap: Option<u64>,
    /// `hashsize`.
    pub hashsize: Option<u32>,
}

/// `datarep`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datarep {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The set.
    pub name: Box<str>,
    /// The reputation.
    pub value: Comparison<u16>,
    /// What it holds; absent when another rule declares it.
    pub kind: Option<DatasetType>,
    /// `load`.
    pub load: Option<Box<str>>,
    /// `state`.
    pub state: Option<Box<str>>,
    /// `memcap` in bytes.
    pub memcap: Option<u64>,
    /// `hashsize`.
    pub hashsize: Option<u32>,
}

/// Which address `iprep` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReputationSide {
    /// `any`: the source or the destination.
    Any,
    /// `src`.
    Source,
    /// `dst`.
    Destination,
    /// `both`.
    Both,
}

/// What `iprep` asks of the reputation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reputation {
    /// There is one.
    IsSet,
    /// There is none.
    IsNotSet,
    /// It compares so; 0 to 127.
    Value(Comparison<u8>),
}

/// `iprep`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpReputation {
    /// Which address.
    pub side: ReputationSide,
    /// The category.
    pub category: Box<str>,
    /// What is asked.
    pub reputation: Reputation,
}

pub(super) const KEYWORDS: &[Keyword] =
    &[plain("dataset", "dataset", dataset), plain("datarep", "dataset", datarep), plain("iprep", "iprep", iprep)];

/// The words `dataset` and `datarep` share.
#[derive(Default)]
struct Words {
    kind: Option<DatasetType>,
    load: Option<Box<str>>,
    save: Option<Box<str>>,
    state: Option<Box<str>>,
    memcap: Option<u64>,
    hashsize: Option<u32>,
    format: DatasetFormat,
    context_key: Option<Box<str>>,
    value_key: Option<Box<str>>,
    array_key: Option<Box<str>>,
    remove_key: bool,
}

impl Words {
    fn take(&mut self, part: Value<'_>) -> Result<(), Fault> {
        const FORM: &str = "type, load, save, state, memcap, hashsize, format, context_key, value_key, array_key or \
                            remove_key";
        let (word, argument) = part.word();
        if argument.is_empty() && !word.is("remove_key") {
            return Err(part.fault(Problem::UnknownWord { expected: FORM }));
        }
        match word.text() {
            "type" => {
                self.kind = Some(match argument.text() {
                    "string" => DatasetType::String,
                    "md5" => DatasetType::Md5,
                    "sha256" => DatasetType::Sha256,
                    "ipv4" => DatasetType::Ipv4,
                    "ip" | "ipv6" => DatasetType::Ip,
                    _ => {
                        return Err(
                            argument.fault(Problem::UnknownWord { expected: "string, md5, sha256, ipv4 or ip" })
                        );
                    }
                });
            }
            "load" => self.load = Some(argument.lossy()),
            "save" => self.save = Some(argument.lossy()),
            "state" => self.state = Some(argument.lossy()),
            "memcap" => {
                self.memcap = match Comparison::<u64>::parse(argument)? {
                    Comparison::Equal(n) => Some(n),
                    _ => return Err(argument.fault(Problem::NotANumber)),
                };
            }
            "hashsize" => self.hashsize = Some(argument.int()?),
            "format" => {
                self.format = match argument.text() {
                    "csv" => DatasetFormat::Csv,
                    "json" => DatasetFormat::Json,
                    "ndjson" | "jsonline" => DatasetFormat::Ndjson,
                    _ => return Err(argument.fault(Problem::UnknownWord { expected: "csv, json or ndjson" })),
                };
            }
            "context_key" => self.context_key = Some(argument.lossy()),
            "value_key" => self.value_key = Some(argument.lossy()),
            "array_key" => self.array_key = Some(argument.lossy()),
            "remove_key" => self.remove_key = true,
            _ => return Err(part.fault(Problem::UnknownWord { expected: FORM })),
        }
        Ok(())
    }
}

fn set_name(text: Value<'_>) -> Result<Box<str>, Fault> {
    let name = text.unquoted()?;
    if name.is_empty() || name.len() > 63 || name.bytes().iter().any(u8::is_ascii_whitespace) {
        return Err(name.malformed("a name of 1 to 63 bytes without spaces"));
    }
    Ok(name.lossy())
}

fn dataset(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "set|unset|isset|isnotset, name [, type t] [, load file] [, state file] [, save file]";
    let value = option.value(FORM)?;
    let parts = value.list();
    let [operation, name, rest @ ..] = parts.as_slice() else { return Err(value.malformed(FORM)) };
    let operation = match operation.text() {
        "isset" => DatasetOperation::IsSet,
        "isnotset" => DatasetOperation::IsNotSet,
        "set" => DatasetOperation::Set,
        "unset" => DatasetOperation::Unset,
        _ => return Err(operation.fault(Problem::UnknownWord { expected: "set, unset, isset or isnotset" })),
    };
    let name = set_name(*name)?;
    let mut words = Words::default();
    for part in rest {
        words.take(*part)?;
    }
    if (words.load.is_some() || words.save.is_some()) && words.state.is_some() {
        return Err(value.fault(Problem::Conflict { with: "state".into() }));
    }
    let json = words.format != DatasetFormat::Csv;
    if json && (words.context_key.is_none() || words.value_key.is_none()) {
        return Err(value.malformed("format json|ndjson with context_key and value_key"));
    }
    if json && (words.state.is_some() || words.save.is_some() || operation == DatasetOperation::Set) {
        return Err(value.fault(Problem::Conflict { with: "a JSON set, which is read only".into() }));
    }
    let buffer = rule.sticky_buffer(option)?;
    rule.push(
        option,
        MatchKind::Dataset(Dataset {
            buffer,
            operation,
            name,
            kind: words.kind,
            load: words.load,
            save: words.save,
            state: words.state,
            format: words.format,
            context_key: words.context_key,
            value_key: words.value_key,
            array_key: words.array_key,
            remove_key: words.remove_key,
            memcap: words.memcap,
            hashsize: words.hashsize,
        }),
    );
    Ok(())
}

fn datarep(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "name, <|>|==, number [, load file] [, type t]";
    let value = option.value(FORM)?;
    let parts = value.list();
    let [name, operator, number, rest @ ..] = parts.as_slice() else { return Err(value.malformed(FORM)) };
    let name = set_name(*name)?;
    let n = number.int()?;
    let comparison = match operator.text() {
        "<" => Comparison::Less(n),
        ">" => Comparison::Greater(n),
        "==" | "=" => Comparison::Equal(n),
        _ => return Err(operator.fault(Problem::UnknownWord { expected: "<, > or ==" })),
    };
    let mut words = Words::default();
    for part in rest {
        words.take(*part)?;
    }
    let buffer = rule.sticky_buffer(option)?;
    rule.push(
        option,
        MatchKind::Datarep(Datarep {
            buffer,
            name,
            value: comparison,
            kind: words.kind,
            load: words.load,
            state: words.state,
            memcap: words.memcap,
            hashsize: words.hashsize,
        }),
    );
    Ok(())
}

fn iprep(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "any|src|dst|both, category, operator, 0 to 127 (or isset, isnotset)";
    let value = option.value(FORM)?;
    let parts = value.list();
    let (side, category, operator, number) = match parts.as_slice() {
        [side, category, operator] => (*side, *category, *operator, None),
        [side, category, operator, number] => (*side, *category, *operator, Some(*number)),
        _ => return Err(value.malformed(FORM)),
    };
    let side = match side.text() {
        "any" => ReputationSide::Any,
        "src" => ReputationSide::Source,
        "dst" => ReputationSide::Destination,
        "both" => ReputationSide::Both,
        _ => return Err(side.fault(Problem::UnknownWord { expected: "any, src, dst or both" })),
    };
    if !category.is_name() {
        return Err(category.malformed("the short name of a category"));
    }
    let reputation = match (operator.text(), number) {
        ("isset", None) => Reputation::IsSet,
        ("isnotset", None) => Reputation::IsNotSet,
        (_, Some(number)) => {
            let n = u8::try_from(number.number(0, 127)?).unwrap_or(0);
            Reputation::Value(match operator.text() {
                "<" => Comparison::Less(n),
                "<=" => Comparison::LessOrEqual(n),
                ">" => Comparison::Greater(n),
                ">=" => Comparison::GreaterOrEqual(n),
                "=" | "==" => Comparison::Equal(n),
                "!=" => Comparison::NotEqual(n),
                _ => return Err(operator.fault(Problem::UnknownWord { expected: "<, <=, >, >=, = or !=" })),
            })
        }
        _ => return Err(value.malformed(FORM)),
    };
    rule.push(option, MatchKind::IpReputation(IpReputation { side, category: category.lossy(), reputation }));
    Ok(())
}
