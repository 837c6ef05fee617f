//! Expressions of conditional branches, in the few forms that matter.
//!
//! Comparisons of `exitCode` with whole numbers and of `stdout` with texts, joined by `&&`, `||`, `!` and parentheses, as in
//! `exitCode == 0 && stdout != "none"`. Chaos Mesh knows a whole language. What this model does not know, what has the wrong
//! type, and what is empty is unknown, as an error of its language is there: such a branch is never evaluated, and its Task
//! never finishes before its deadline.

use chaos_manifests::ConditionalBranch;
use serde::Serialize;

/// How deep parentheses and negations may nest before an expression counts as unknown.
const MAX_DEPTH: usize = 64;

/// What expressions see of a pod that has ended. Stored in the node as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Environment {
    /// The exit code of the container that the template names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<i64>,
    /// Its whole log, without white space around it.
    pub(super) stdout: String,
}

/// `True`, `False` or `Unknown`, as a node's status says it.
pub(super) fn result(branch: &ConditionalBranch, environment: &Environment) -> &'static str {
    match evaluate(&branch.expression, environment) {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    }
}

/// Whether the expression holds; `None` when that is unknown.
fn evaluate(text: &str, environment: &Environment) -> Option<bool> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, environment };
    let value = parser.any(0)?;
    match (parser.peek(), value) {
        (None, Value::Truth(truth)) => Some(truth),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Number(i64),
    Text(String),
    Sign(&'static str),
}

/// Signs, longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 11] = ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else if first.is_ascii_digit() || first == '-' {
            let length = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |at| at + 1);
            (Token::Number(rest[..length].parse().ok()?), length)
        } else if first.is_ascii_alphabetic() {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            (Token::Word(rest[..length].to_owned()), length)
        } else if first == '"' || first == '\'' {
            quoted(rest, first)?
        } else {
            return None;
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Some(found)
}

/// A text in quotes and its length with them.
fn quoted(rest: &str, quote: char) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((Token::Text(text), at + 1)),
            '\\' => text.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                c @ ('\\' | '"' | '\'') => c,
                _ => return None,
            }),
            c => text.push(c),
        }
    }
    None
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Value {
    Truth(bool),
    Number(i64),
    Text(String),
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    environment: &'a Environment,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, wanted: &'static str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(sign)) if *sign == wanted);
        self.at += usize::from(found);
        found
    }

    /// Parts joined by `||`. Both sides are read, so that a part that is unknown makes the whole so.
    fn any(&mut self, depth: usize) -> Option<Value> {
        let mut value = self.all(depth)?;
        while self.take("||") {
            value = match (value, self.all(depth)?) {
                (Value::Truth(left), Value::Truth(right)) => Value::Truth(left || right),
                _ => return None,
            };
        }
        Some(value)
    }

    /// Parts joined by `&&`.
    fn all(&mut self, depth: usize) -> Option<Value> {
        let mut value = self.comparison(depth)?;
        while self.take("&&") {
            value = match (value, self.comparison(depth)?) {
                (Value::Truth(left), Value::Truth(right)) => Value::Truth(left && right),
                _ => return None,
            };
        }
        Some(value)
    }

    fn comparison(&mut self, depth: usize) -> Option<Value> {
        let left = self.operand(depth)?;
        let Some(Token::Sign(sign @ ("==" | "!=" | "<" | ">" | "<=" | ">="))) = self.peek().cloned() else {
            return Some(left);
        };
        self.at += 1;
        let right = self.operand(depth)?;
        if std::mem::discriminant(&left) != std::mem::discriminant(&right) {
            return None;
        }
        let ordered = !matches!(left, Value::Truth(_));
        Some(Value::Truth(match sign {
            "==" => left == right,
            "!=" => left != right,
            "<" if ordered => left < right,
            ">" if ordered => left > right,
            "<=" if ordered => left <= right,
            ">=" if ordered => left >= right,
            _ => return None,
        }))
    }

    fn operand(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.take("!") {
            let Value::Truth(truth) = self.operand(depth + 1)? else { return None };
            return Some(Value::Truth(!truth));
        }
        if self.take("(") {
            let value = self.any(depth + 1)?;
            return self.take(")").then_some(value);
        }
        let token = self.peek()?.clone();
        self.at += 1;
        match token {
            Token::Number(number) => Some(Value::Number(number)),
            Token::Text(text) => Some(Value::Text(text)),
            Token::Word(word) => match word.as_str() {
                "exitCode" => self.environment.exit_code.map(Value::Number),
                "stdout" => Some(Value::Text(self.environment.stdout.clone())),
                "true" => Some(Value::Truth(true)),
                "false" => Some(Value::Truth(false)),
                _ => None,
            },
            Token::Sign(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(expression: &str) -> ConditionalBranch {
        ConditionalBranch { target: "next".into(), expression: expression.into(), ..ConditionalBranch::default() }
    }

    #[test]
    fn model_expressions_over_exit_code_and_output() {
        let environment = Environment { exit_code: Some(3), stdout: "two \"words\"".into() };
        for (expression, expected) in [
            ("exitCode == 3", "True"),
            ("exitCode==0", "False"),
            ("exitCode != 0", "True"),
            ("exitCode > 2 && exitCode < 4", "True"),
            ("exitCode >= 4 || exitCode <= 2", "False"),
            ("0 == exitCode || stdout == 'two \"words\"'", "True"),
            (r#"stdout == "two \"words\"""#, "True"),
            (r#"stdout != "two""#, "True"),
            ("!(exitCode == 3) || !false", "True"),
            ("exitCode == -3", "False"),
            ("(exitCode == 3) == true", "True"),
        ] {
            assert_eq!(result(&branch(expression), &environment), expected, "{expression}");
        }
    }

    #[test]
    fn model_what_is_no_condition_is_unknown() {
        let environment = Environment { exit_code: Some(0), stdout: String::new() };
        for expression in [
            "",
            "   ",
            "exitCode",
            "exitCode =! 0",
            "exitCode == \"0\"",
            "exitCode == 0 &&",
            "exitCode == 0 exitCode",
            "code == 0",
            "stdout contains \"x\"",
            "stdout == \"open",
            "true < false",
            "exitCode == 99999999999999999999",
            "((exitCode == 0)",
            "exitCode == 0 || unknown",
        ] {
            assert_eq!(result(&branch(expression), &environment), "Unknown", "{expression}");
        }
        let deep = format!("{}exitCode == 0{}", "(".repeat(10_000), ")".repeat(10_000));
        assert_eq!(result(&branch(&deep), &environment), "Unknown", "nested too deep");
        let no_code = Environment { exit_code: None, stdout: String::new() };
        assert_eq!(result(&branch("exitCode == 0"), &no_code), "Unknown", "no container of that name");
    }
}
