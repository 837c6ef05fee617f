//! What is a credential by where it stands, whoever wrote it.

use super::masking::SHORTEST_EVERYWHERE;

/// Members and headers whose whole value is a credential, whatever it looks like. In lower case, with `_` read as `-`.
const SECRET_KEYS: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "apikey",
    "cookie",
    "set-cookie",
    "x-auth-token",
    "x-access-token",
    "x-vault-token",
    "x-amz-security-token",
    "private-token",
];

/// Members of a query whose value is a credential.
const QUERY_KEYS: [&str; 6] = ["api_key", "api-key", "apikey", "access_token", "auth_token", "client_secret"];

/// Quotes as XML and HTML have them.
const QUOTES: [&str; 5] = ["&quot;", "&#34;", "&apos;", "&#39;", "&#x27;"];

/// Characters from which on a user in a URL without a password is a token.
const LONG_USER: usize = 16;

/// Whether the value of a member is a credential by the member's name.
pub(super) fn is_credential(key: &str) -> bool {
    SECRET_KEYS.contains(&key.to_ascii_lowercase().replace('_', "-").as_str())
}

/// Finds `Bearer token` and `Basic token`. In prose the next word has neither digit nor capital, so it stays, unless
/// it is a known secret.
pub(super) fn behind_scheme(rest: &str, known: impl Fn(&str) -> bool) -> Option<(usize, usize)> {
    let scheme = ["bearer ", "basic "].into_iter().find(|scheme| starts_with_ignoring_case(rest, scheme))?;
    let token = &rest[scheme.len()..];
    let length = token.find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c))).unwrap_or(token.len());
    let telling = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase() || byte == b'=';
    let long = length >= SHORTEST_EVERYWHERE && token.bytes().take(length).any(telling);
    (long || known(&token[..length])).then_some((scheme.len(), length))
}

/// Finds `Authorization: value` and its kin.
///
/// After a quoted name, as in JSON text, only a quoted value is a credential: masking anything else would break the
/// text's structure. A bare value ends with its line or with the quote around it all.
pub(super) fn in_header(rest: &str) -> Option<(usize, usize)> {
    let name = SECRET_KEYS.iter().find(|name| starts_with_ignoring_case(rest, name))?;
    let (name_quote, after) = split_quote(&rest[name.len()..]);
    let value = after.trim_start().strip_prefix([':', '='])?.trim_start();
    let (quote, value) = split_quote(value);
    let length = if quote.is_empty() {
        if !name_quote.is_empty() {
            return None;
        }
        // `<` begins a tag where the text is a page's; a quote may be one of a page, too.
        let quoted = QUOTES.iter().filter_map(|quote| value.find(quote)).min();
        value.find(['"', '\'', '\\', '\r', '\n', '<']).into_iter().chain(quoted).min()
    } else {
        closing(value, quote)
    };
    let length = length.unwrap_or(value.len());
    (length > 0).then(|| (rest.len() - value.len(), length))
}

/// Finds the password in `://user:password@host`, a token in its place, and the value of `?api_key=` and its kin.
pub(super) fn in_url(rest: &str) -> Option<(usize, usize)> {
    if let Some(authority) = rest.strip_prefix("://") {
        let end = authority.find(|c: char| "/?#\"'`<> \\".contains(c) || c.is_control()).unwrap_or(authority.len());
        let user_info = &authority[..authority[..end].rfind('@')?];
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        if user.len() >= LONG_USER {
            return Some((3, user_info.len()));
        }
        return (!password.is_empty()).then_some((3 + user.len() + 1, password.len()));
    }
    let query = rest.strip_prefix(['?', '&'])?;
    let name = QUERY_KEYS.iter().find(|name| starts_with_ignoring_case(query, name))?;
    let value = query[name.len()..].strip_prefix('=')?;
    let length = value.find(|c: char| "&#\"'`<> \\".contains(c) || c.is_control()).unwrap_or(value.len());
    (length > 0).then_some((1 + name.len() + 1, length))
}

/// Splits off a quote with the backslashes that encode it.
fn split_quote(text: &str) -> (&str, &str) {
    if let Some(quote) = QUOTES.iter().find(|quote| text.starts_with(**quote)) {
        return text.split_at(quote.len());
    }
    let quote = text.trim_start_matches('\\');
    if quote.starts_with(['"', '\'']) { text.split_at(text.len() - quote.len() + 1) } else { ("", text) }
}

/// Finds the quote that closes a value: the same as the opening one, and not escaped once more.
fn closing(value: &str, quote: &str) -> Option<usize> {
    value.match_indices(quote).map(|(at, _)| at).find(|at| !value[..*at].ends_with('\\'))
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
