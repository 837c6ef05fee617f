//! `squall doctor`: what this machine can do, and which faults and node kinds that leaves out.

use std::collections::BTreeMap;

use chaos_core::{Kind, Requirement};
use chaos_host::{Ability, Fact};
use serde::Serialize;

use super::console::{Colour, Paint, print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::plug_in::{self, PlugIn};

/// Says what this machine can do, which faults and node kinds that leaves out, and which setting forbids it. Nothing is
/// touched.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

/// What each requirement of a plug-in is on a machine; one that is not here is not the machine's.
const TABLE: [(Requirement, Ability); 12] = [
    (Requirement::LinuxPidfd, Ability::LinuxPidfd),
    (Requirement::Root, Ability::Root),
    (Requirement::UserNamespaces, Ability::UserNamespaces),
    (Requirement::CgroupCpu, Ability::CgroupCpu),
    (Requirement::CgroupMemory, Ability::CgroupMemory),
    (Requirement::CgroupPids, Ability::CgroupPids),
    (Requirement::CgroupFreezer, Ability::CgroupFreezer),
    (Requirement::Fuse, Ability::Fuse),
    (Requirement::Nftables, Ability::Nftables),
    (Requirement::Netem, Ability::Netem),
    (Requirement::Preload, Ability::Preload),
    (Requirement::Containers, Ability::Containers),
];

/// What is printed.
#[derive(Debug, Serialize)]
struct Findings {
    machine: Vec<Found>,
    plug_ins: Vec<PlugInHere>,
}

/// One ability of the machine.
#[derive(Debug, Serialize)]
struct Found {
    ability: Ability,
    #[serde(flatten)]
    fact: Fact,
}

/// Whether a fault or a node kind can be used here.
#[derive(Debug, Serialize)]
struct PlugInHere {
    kind: Kind,
    #[serde(rename = "type")]
    name: &'static str,
    usable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<Missing>,
}

/// What a fault lacks here.
#[derive(Debug, Serialize)]
struct Missing {
    ability: Ability,
    why: String,
    setting: String,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let facts = Ability::ALL.map(|ability| (ability, ability.look()));
    let findings = findings(&plug_in::all(), &facts.into_iter().collect());
    match args.format {
        DataFormat::Json => print_json(&findings)?,
        DataFormat::Text => print(&text(&findings, Paint::stdout()))?,
    }
    Ok(0)
}

fn findings(plug_ins: &[PlugIn], facts: &BTreeMap<Ability, Fact>) -> Findings {
    let needs = plug_ins.iter().filter(|plug_in| matches!(plug_in.kind, Kind::Fault | Kind::Node));
    let usable = needs.map(|plug_in| {
        let missing: Vec<Missing> = plug_in.needs.iter().filter_map(|need| missing(*need, facts)).collect();
        PlugInHere { kind: plug_in.kind, name: plug_in.name, usable: missing.is_empty(), missing }
    });
    let machine = facts.iter().map(|(ability, fact)| Found { ability: *ability, fact: fact.clone() });
    Findings { machine: machine.collect(), plug_ins: usable.collect() }
}

fn missing(need: Requirement, facts: &BTreeMap<Ability, Fact>) -> Option<Missing> {
    let (_, ability) = TABLE.iter().find(|(requirement, _)| *requirement == need)?;
    let fact = facts.get(ability).filter(|fact| fact.has == Some(false))?;
    let setting = fact.setting.clone().unwrap_or_default();
    Some(Missing { ability: *ability, why: fact.detail.clone(), setting })
}

fn text(findings: &Findings, paint: Paint) -> String {
    let mut lines = vec![paint.paint(Colour::Bold, "this machine")];
    let width = Ability::ALL.iter().map(|ability| ability.name().len()).max().unwrap_or_default();
    for Found { ability, fact } in &findings.machine {
        let word = match fact.has {
            Some(true) => "yes",
            Some(false) => "no ",
            None => "?  ",
        };
        lines.push(format!("  {:<width$}  {word}  {}", ability.name(), fact.detail));
        lines.extend(fact.setting.iter().map(|setting| format!("  {:<width$}       needs {setting}", "")));
    }
    for kind in [Kind::Fault, Kind::Node] {
        let of_kind = || findings.plug_ins.iter().filter(|plug_in| plug_in.kind == kind);
        lines.extend([String::new(), paint.paint(Colour::Bold, &format!("{}s", kind.word()))]);
        let usable: Vec<&str> = of_kind().filter(|plug_in| plug_in.usable).map(|plug_in| plug_in.name).collect();
        lines.push(format!("  can be used: {}", if usable.is_empty() { "none".to_owned() } else { usable.join(", ") }));
        for plug_in in of_kind().filter(|plug_in| !plug_in.usable) {
            let why = plug_in.missing.iter().map(|missing| format!("{} ({})", missing.ability, missing.why));
            lines.push(format!("  left out:    {}: no {}", plug_in.name, why.collect::<Vec<_>>().join(", no ")));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_lacks_leaves_out_what_needs_it_and_names_the_setting() {
        let fact =
            |has, setting: Option<&str>| Fact { has, detail: "told".into(), setting: setting.map(str::to_owned) };
        let facts = [
            (Ability::LinuxPidfd, fact(Some(false), Some("Linux 5.3"))),
            (Ability::Fuse, fact(None, None)),
            (Ability::Root, fact(Some(true), None)),
        ];
        let findings = findings(&plug_in::all(), &facts.into());
        let of = |name: &str| findings.plug_ins.iter().find(|plug_in| plug_in.name == name).unwrap();
        let paused = of("pause_process");
        assert!(!paused.usable && paused.missing[0].setting == "Linux 5.3", "{paused:?}");
        let text = text(&findings, Paint::off());
        for line in [
            "  left out:    pause_process: no pidfd and /proc (told)\n",
            "needs Linux 5.3\n",
            "  fuse             ?    told\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn every_requirement_is_one_ability_or_not_the_machines() {
        let named: Vec<Ability> = TABLE.iter().map(|(_, ability)| *ability).collect();
        assert_eq!(named, Ability::ALL);
        for plug_in in plug_in::all() {
            for need in plug_in.needs {
                let is_the_machines = TABLE.iter().any(|(requirement, _)| requirement == need);
                let is_another = matches!(need, Requirement::Network | Requirement::ExternalProgram);
                assert!(is_the_machines || is_another, "{}: {need:?} is in no row of the table", plug_in.name);
            }
        }
    }
}
