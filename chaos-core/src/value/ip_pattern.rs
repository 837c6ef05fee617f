//! Patterns of IP addresses for the published schemas; the library's parser accepts exactly the same.

/// Four decimal parts without leading zeros.
pub(crate) const IPV4: &str =
    r"((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

/// Full, or with one `::` that leaves room; the last two groups may be an IPv4 address.
pub(crate) fn ipv6() -> String {
    const GROUP: &str = "[0-9A-Fa-f]{1,4}";
    let head = |before: usize| match before {
        0 => ":".to_owned(),
        n => format!("({GROUP}:){{{n}}}"),
    };
    let mut forms = vec![format!("({GROUP}:){{7}}{GROUP}")];
    // With n groups before the `::`, at most 7 - n follow it.
    forms.extend((0..=7).map(|before| match 7 - before {
        0 => format!("{}:", head(before)),
        after => format!("{}:({GROUP}(:{GROUP}){{0,{}}})?", head(before), after - 1),
    }));
    // An IPv4 address has the place of two groups.
    let mut heads = vec![format!("({GROUP}:){{6}}")];
    heads.extend((0..=5).map(|before| format!("{}:({GROUP}:){{0,{}}}", head(before), 5 - before)));
    forms.push(format!("({}){IPV4}", heads.join("|")));
    format!("({})", forms.join("|"))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn the_patterns_and_the_parser_agree() {
        let compile = |pattern: &str| regex_lite::Regex::new(&format!("^{pattern}$")).unwrap();
        let (four, six) = (compile(IPV4), compile(&ipv6()));
        // Every text of at most eleven such parts around at most two `::`, with an IPv4 address at its end or without.
        let mut texts = vec![String::new(), ".".into(), "::1%lo".into(), "12345::".into(), "::g".into(), "1:2".into()];
        for before in 0..=9 {
            for after in 0..=9 {
                for end in ["", ":1.2.3.4", "1.2.3.4", ":1.2.3.256", ":01.2.3.4", "::"] {
                    let groups = |n: usize| vec!["aB1"; n].join(":");
                    texts.push(format!("{}::{}{end}", groups(before), groups(after)));
                    texts.push(format!("{}:{}{end}", groups(before), groups(after)));
                    texts.push(format!("{}{end}", groups(before)));
                }
            }
        }
        for text in &texts {
            assert_eq!(six.is_match(text), text.parse::<Ipv6Addr>().is_ok(), "{text}");
        }
        for text in
            ["1.2.3.4", "0.0.0.0", "255.255.255.255", "256.1.1.1", "01.1.1.1", "1.1.1", "1.1.1.1.1", "", "1.1.1.a"]
        {
            assert_eq!(four.is_match(text), text.parse::<Ipv4Addr>().is_ok(), "{text}");
        }
    }
}
