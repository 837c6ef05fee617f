//! What the validator found, in the words of an author.

use std::collections::BTreeSet;

use chaos_core::{Kind, removed_name, suggestion};
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::compiled::Compiled;
use super::message::{actual, choices, expected, hints, mapping_hint};
use super::plug_in::{kind_of_definition, known};
use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::pointer::{self, subject};

/// Reports every violation of the schema.
pub(crate) fn report(compiled: &Compiled, value: &Value, report: &mut Report) {
    let mut found = Vec::new();
    for error in compiled.validator.iter_errors(value) {
        Violation { schema: &compiled.schema, error: &error }.describe(&mut found);
    }
    // A misspelt key is one mistake: that the right one is missing goes without saying.
    let misspelt: BTreeSet<String> = found.iter().filter_map(|f| f.means.clone()).collect();
    let of_type = |found: &Found| found.diagnostic.code == Code::WrongType;
    let wrong: BTreeSet<String> = found.iter().filter(|f| of_type(f)).map(|f| f.diagnostic.pointer.clone()).collect();
    for Found { diagnostic, means: _ } in found {
        // What is of the wrong type is not one of the accepted values either.
        let implied = diagnostic.code == Code::MissingKey && misspelt.contains(&missing_at(&diagnostic))
            || diagnostic.code == Code::NotOneOf && wrong.contains(&diagnostic.pointer);
        if !implied && !report.explains(&diagnostic.pointer) {
            report.add(diagnostic);
        }
    }
}

struct Found {
    diagnostic: Diagnostic,
    /// The pointer that an unknown key was most likely meant to be.
    means: Option<String>,
}

fn missing_at(diagnostic: &Diagnostic) -> String {
    let key = diagnostic.message.split('`').nth(1).unwrap_or_default();
    pointer::join(&diagnostic.pointer, key)
}

struct Violation<'e> {
    schema: &'e Value,
    error: &'e ValidationError<'e>,
}

impl Violation<'_> {
    fn describe(&self, found: &mut Vec<Found>) {
        if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
            self.error.kind()
        {
            if let Some(forms) = self.forms() {
                // One that is there and does not fit is told at its own place.
                if !forms.iter().any(|key| self.error.instance().get(key).is_some_and(|value| !value.is_null())) {
                    found.push(Found { diagnostic: self.no_form(&forms), means: None });
                }
                return;
            }
            return self.alternatives(context, found);
        }
        if let (ValidationErrorKind::OneOfMultipleValid { .. }, Some(forms)) = (self.error.kind(), self.forms()) {
            found.push(Found { diagnostic: self.several_forms(&forms), means: None });
            return;
        }
        if let ValidationErrorKind::AdditionalProperties { unexpected } = self.error.kind() {
            found.extend(unexpected.iter().map(|key| self.unknown_key(key)));
            return;
        }
        found.push(Found { diagnostic: self.one(), means: None });
    }

    fn at(&self) -> String {
        self.error.instance_path().to_string()
    }

    fn at_value(&self, code: Code, message: String) -> Diagnostic {
        Diagnostic::new(code, self.at(), message)
    }

    /// The schema that the violated keyword stands in.
    fn holder(&self) -> Option<&Value> {
        let path = self.error.schema_path().to_string();
        self.schema.pointer(pointer::parent(&path)?)
    }

    /// The keys of which an object has exactly one, where that is what its forms say.
    fn forms(&self) -> Option<Vec<&str>> {
        // Forms of a mapping that says its keys itself; others are shapes of their own.
        self.holder()?.get("properties")?;
        let path = self.error.schema_path().to_string();
        let forms = self.schema.pointer(&path)?.as_array()?;
        forms.iter().map(|form| form.get("required")?.as_array()?.first()?.as_str()).collect()
    }

    fn no_form(&self, keys: &[&str]) -> Diagnostic {
        let message = format!("missing key `{}`", keys.first().copied().unwrap_or_default());
        let diagnostic = self.at_value(Code::MissingKey, message);
        if keys.len() < 2 {
            return diagnostic;
        }
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        diagnostic.help(format!("exactly one of {} is needed", keys.join(", ")))
    }

    fn several_forms(&self, keys: &[&str]) -> Diagnostic {
        let given = keys.iter().filter(|key| self.error.instance().get(**key).is_some());
        let given: Vec<String> = given.map(|key| format!("`{key}`")).collect();
        let message = format!("{} exclude each other", given.join(" and "));
        self.at_value(Code::ExclusiveKeys, message).help("keep one of them")
    }

    fn unknown_key(&self, key: &str) -> Found {
        let properties = self.holder().and_then(|holder| holder.get("properties")).and_then(Value::as_object);
        let names = properties.into_iter().flatten().map(|(name, _)| name.as_str());
        let known: Vec<&str> = names.filter(|name| !matches!(*name, "$schema" | "verification")).collect();
        let at = self.at();
        if key == "control" && is_in_pool(&at) {
            let diagnostic = Diagnostic::new(Code::UnknownKey, pointer::join(&at, key), format!("unknown key `{key}`"));
            return Found {
                diagnostic: diagnostic.help("a fault of a soak has no control leg: remove `control`"),
                means: None,
            };
        }
        let free = known.iter().copied().filter(|name| self.error.instance().get(name).is_none());
        let near = suggestion(key, free);
        let means = near.map(|near| pointer::join(&at, near));
        let diagnostic = Diagnostic::new(Code::UnknownKey, pointer::join(&at, key), format!("unknown key `{key}`"));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Found { diagnostic: diagnostic.help(format!("{near}{}", choices(None, &known))), means }
    }

    fn one(&self) -> Diagnostic {
        let at = self.at();
        let what = subject(&at);
        let bounds = |text: String| self.at_value(Code::OutOfBounds, format!("{what} must {text}"));
        match self.error.kind() {
            ValidationErrorKind::Required { property } => self.missing(property.as_str().unwrap_or_default()),
            ValidationErrorKind::Type { kind } if type_names(kind) == ["null"] => self.forbidden(),
            ValidationErrorKind::Type { kind } => self.wrong_type(&type_names(kind)),
            ValidationErrorKind::Enum { options } => self.not_one_of(options),
            ValidationErrorKind::Constant { expected_value } => {
                self.at_value(Code::NotOneOf, format!("{what} must be `{}`", plain(expected_value)))
            }
            ValidationErrorKind::FalseSchema => self.forbidden(),
            ValidationErrorKind::Pattern { .. } => self.wrong_format(),
            ValidationErrorKind::Minimum { limit } => bounds(format!("be at least {limit}")),
            ValidationErrorKind::Maximum { limit } => bounds(format!("be at most {limit}")),
            ValidationErrorKind::ExclusiveMinimum { limit } => bounds(format!("be more than {limit}")),
            ValidationErrorKind::ExclusiveMaximum { limit } => bounds(format!("be less than {limit}")),
            ValidationErrorKind::MultipleOf { multiple_of } => bounds(format!("be a multiple of {multiple_of}")),
            ValidationErrorKind::MinItems { limit } => bounds(format!("have at least {}", count(*limit, "item"))),
            ValidationErrorKind::MaxItems { limit } => bounds(format!("have at most {}", count(*limit, "item"))),
            ValidationErrorKind::AdditionalItems { limit } => {
                bounds(format!("have at most {}", count(*limit as u64, "item")))
            }
            ValidationErrorKind::MinLength { limit } => bounds(format!("have at least {}", count(*limit, "character"))),
            ValidationErrorKind::MaxLength { limit } => bounds(format!("have at most {}", count(*limit, "character"))),
            ValidationErrorKind::MinProperties { limit } => bounds(format!("have at least {}", count(*limit, "key"))),
            ValidationErrorKind::MaxProperties { limit } => bounds(format!("have at most {}", count(*limit, "key"))),
            ValidationErrorKind::UniqueItems => bounds("have unique items".into()),
            _ => self.at_value(Code::InvalidValue, format!("{what}: {}", self.error.masked())),
        }
    }

    fn missing(&self, key: &str) -> Diagnostic {
        let diagnostic = self.at_value(Code::MissingKey, format!("missing key `{key}`"));
        if let Some(kind) = self.node_kind().filter(|_| key == "type") {
            return diagnostic.help(choices(None, &known(kind)));
        }
        let property = self.holder().and_then(|holder| holder.get("properties")).and_then(|all| all.get(key));
        let text = property.and_then(|schema| schema.get("description")).and_then(Value::as_str);
        diagnostic.maybe_help(text.map(|text| format!("`{key}`: {}", first_sentence(text))))
    }

    /// The kind of plug-in whose node the violated keyword stands in directly.
    fn node_kind(&self) -> Option<Kind> {
        let path = self.error.schema_path().to_string();
        let mut segments = path.strip_prefix("/definitions/")?.split('/');
        let kind = kind_of_definition(segments.next()?)?;
        (segments.next() != Some("allOf")).then_some(kind)
    }

    fn wrong_type(&self, wanted: &[&str]) -> Diagnostic {
        let at = self.at();
        let value = self.error.instance().as_ref();
        let wanted: Vec<&str> = wanted.iter().copied().filter(|name| *name != "null").collect();
        if value.is_array() && wanted == ["object"] {
            let one = one_expected(&at);
            let several = value.as_array().is_some_and(|items| items.len() != 1);
            let help = if several { "write a mapping" } else { "remove the `-`, or the brackets" };
            return self.at_value(Code::ListNotAllowed, format!("one {one} is expected here, not a list")).help(help);
        }
        let words: Vec<&str> = wanted.iter().map(|name| expected(name)).collect();
        let message = format!("{} must be {}, not {}", subject(&at), words.join(" or "), actual(value));
        let fitting = hints(value).into_iter().find(|(candidate, _)| self.fits(candidate)).map(|(_, hint)| hint);
        let mapping = value.as_str().filter(|_| wanted == ["object"]).map(|text| mapping_hint(text).to_owned());
        let help = fitting
            .or(mapping)
            .or_else(|| value.is_null().then(|| "give it a value".to_owned()))
            .or_else(|| self.options_hint());
        self.at_value(Code::WrongType, message)
            .maybe_help(help.or_else(|| self.format_hint().filter(|_| value.is_number())))
    }

    /// The accepted values, where they are listed.
    fn options_hint(&self) -> Option<String> {
        let options = self.holder()?.get("enum")?.as_array()?.iter().filter(|option| !option.is_null());
        let options: Vec<String> = options.map(plain).collect();
        Some(choices(None, &options.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// Whether a value would be accepted here: what a message recommends must be.
    fn fits(&self, candidate: &Value) -> bool {
        let holder = self.holder().and_then(|holder| jsonschema::draft7::new(holder).ok());
        holder.is_some_and(|validator| validator.is_valid(candidate))
    }

    fn not_one_of(&self, options: &Value) -> Diagnostic {
        let typed = self.error.instance().as_str();
        if let Some(kind) = self.node_kind() {
            let code = match kind {
                Kind::Fault => Code::UnknownFault,
                Kind::Trigger => Code::UnknownTrigger,
                Kind::Node => Code::UnknownNode,
                Kind::Source => Code::UnknownSource,
                Kind::Step => Code::UnknownStep,
                _ => Code::UnknownProbe,
            };
            let Some(name) = typed else {
                let value = actual(self.error.instance());
                return self.at_value(Code::WrongType, format!("`type` must be a string, not {value}"));
            };
            if let Some(removed) = removed_name(kind, name) {
                return self.at_value(Code::RemovedType, removed.to_string());
            }
            let message = format!("unknown {} type `{name}`", kind.word());
            return self.at_value(code, message).help(choices(typed, &known(kind)));
        }
        let options = options.as_array().into_iter().flatten().filter(|option| !option.is_null());
        let options: Vec<String> = options.map(plain).collect();
        let known: Vec<&str> = options.iter().map(String::as_str).collect();
        let message = format!("{} is not one of the accepted values", subject(&self.at()));
        self.at_value(Code::NotOneOf, message).help(choices(typed, &known))
    }

    /// A key that another key rules out.
    fn forbidden(&self) -> Diagnostic {
        if self.node_kind().is_some() {
            return self.not_one_of(&Value::Null);
        }
        match pointer::last(&self.at()).as_deref() {
            Some("verify") => {
                let message = "`verify` and its alias `verification` are both given";
                self.at_value(Code::BothVerifyAndVerification, message.into()).help("keep one of the two")
            }
            Some("duration_seconds") => {
                let message = "`duration_seconds` applies to sustained faults; this one ends by itself";
                self.at_value(Code::DurationOnFinite, message.into()).help("remove it, or set the fault's own duration")
            }
            _ => self.at_value(Code::UnknownKey, format!("{} is not allowed here", subject(&self.at()))),
        }
    }

    fn wrong_format(&self) -> Diagnostic {
        let message = format!("{} is not in the expected format", subject(&self.at()));
        self.at_value(Code::WrongFormat, message).maybe_help(self.format_hint())
    }

    /// What the format is.
    fn format_hint(&self) -> Option<String> {
        let holder = self.holder();
        let own = holder.and_then(|h| h.get("patternErrorMessage")).and_then(Value::as_str).map(str::to_owned);
        let examples = holder.and_then(|h| h.get("examples")).and_then(Value::as_array);
        let examples = examples.map(|all| all.iter().map(|e| format!("`{}`", plain(e))).collect::<Vec<_>>().join(", "));
        let pattern = holder.and_then(|h| h.get("pattern")).and_then(Value::as_str).map(|p| format!("pattern: {p}"));
        own.or(examples.filter(|all| !all.is_empty()).map(|all| format!("for example {all}"))).or(pattern)
    }

    /// No form of several fits: the one form whose type fits is explained, or else what the types would be.
    fn alternatives(&self, context: &[Vec<ValidationError<'_>>], found: &mut Vec<Found>) {
        let at = self.at();
        let wants = |errors: &[ValidationError<'_>]| {
            errors.iter().find_map(|error| match error.kind() {
                ValidationErrorKind::Type { kind } if error.instance_path().to_string() == at => Some(type_names(kind)),
                _ => None,
            })
        };
        let mut fitting = context.iter().filter(|errors| wants(errors).is_none());
        if let (Some(only), None) = (fitting.next(), fitting.next()) {
            for error in only {
                Violation { schema: self.schema, error }.describe(found);
            }
            return;
        }
        let types: BTreeSet<&str> = context.iter().filter_map(|errors| wants(errors)).flatten().collect();
        let diagnostic = if context.iter().all(|errors| wants(errors).is_some()) {
            self.wrong_type(&types.into_iter().collect::<Vec<_>>())
        } else {
            self.at_value(Code::WrongFormat, format!("{} is in none of the accepted formats", subject(&at)))
        };
        found.push(Found { diagnostic, means: None });
    }
}

fn type_names(kind: &TypeKind) -> Vec<&'static str> {
    match kind {
        TypeKind::Single(one) => vec![one.as_str()],
        TypeKind::Multiple(many) => many.iter().map(jsonschema::JsonType::as_str).collect(),
    }
}

fn one_expected(at: &str) -> String {
    match pointer::last(at).as_deref() {
        Some(known @ ("trigger" | "action")) => known.to_owned(),
        Some("detect" | "abort_if") => "probe".into(),
        Some("check" | "spec") => "check".into(),
        Some(index) if index.parse::<usize>().is_ok() && at.starts_with("/chaos_spec/") => "entry".into(),
        _ => "mapping".into(),
    }
}

fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A constant of the schema without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn first_sentence(text: &str) -> &str {
    text.split("\n\n").next().unwrap_or_default()
}

/// Whether a fault of the pool of a soak stands there.
fn is_in_pool(at: &str) -> bool {
    let mut inwards = at.rsplit('/').skip(1);
    inwards.next() == Some("pool") && inwards.next() == Some("soak")
}
