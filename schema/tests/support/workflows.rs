//! Workflows made by seed: valid ones, and each with one mistake of a kind that is named.

use serde_json::{Value, json};

use crate::documents::Dice;

/// Who must see a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The schema, and so the loader.
    Both,
    /// The loader alone, under this code: it is about more than one place.
    Loader(&'static str),
    /// Nobody refuses it; the linter warns under this code.
    Warned(&'static str),
}

/// A kind of mistake.
pub(crate) struct Mistake {
    pub(crate) name: &'static str,
    /// The `type` of steps that it fits; `""` for any.
    of: &'static str,
    pub(crate) seen: Seen,
    /// Makes it; false where this step does not have what is spoilt.
    make: fn(&mut Value, &mut Dice) -> bool,
}

/// What a step that ends before offers, in place of a value.
const OUTPUT: &str = "output.value}}";

/// Makes workflows without a mistake.
pub(crate) struct Maker {
    dice: Dice,
    names: usize,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), names: 0 }
    }

    /// A task.
    pub(crate) fn task(&mut self) -> Value {
        self.names = 0;
        let mut workflow = self.control("serial", 0, &mut Vec::new());
        if self.dice.below(3) == 0 {
            workflow = json!({ "type": "retry", "name": "whole", "attempts": 2, "step": workflow });
        }
        json!({ "name": "made", "workflow": workflow })
    }

    /// The same with a mistake, if one of its steps has what the mistake needs.
    pub(crate) fn spoilt(&mut self, task: &Value, mistake: &Mistake) -> Option<Value> {
        let mut places: Vec<String> = Vec::new();
        each(&task["workflow"], "/workflow", &mut |step, at| {
            if mistake.of.is_empty() || step["type"] == mistake.of {
                places.push(at.to_owned());
            }
        });
        let start = self.dice.below(places.len());
        (0..places.len()).find_map(|index| {
            let mut task = task.clone();
            let step = task.pointer_mut(&places[(start + index) % places.len()]).expect("it is there");
            (mistake.make)(step, &mut self.dice).then_some(task)
        })
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("{}-{}", self.dice.pick(&["step", "Keygen", "wait_for", "n"]), self.names)
    }

    /// Any step; what it offers is known once it has ended.
    fn step(&mut self, depth: usize, known: &mut Vec<String>) -> Value {
        let kinds = ["command", "check", "wait", "fault", "command", "serial", "parallel", "branch", "retry"];
        let kinds = if depth < 3 { &kinds[..] } else { &kinds[..5] };
        let kind = *self.dice.pick(kinds);
        let mut step = match kind {
            "serial" | "parallel" | "branch" | "retry" => self.control(kind, depth, known),
            _ => self.leaf(kind, known),
        };
        if self.dice.below(4) == 0 {
            step["idempotent"] = json!(self.dice.below(2) == 0);
        }
        let room = budget(&step) + 1.0;
        if self.dice.below(2) == 0 && room <= 86_400.0 {
            step["deadline_seconds"] = json!(room);
        }
        if kind == "command" {
            known.push(step["name"].as_str().expect("it has one").to_owned());
        }
        step
    }

    fn steps(&mut self, least: usize, depth: usize, known: &mut Vec<String>) -> Vec<Value> {
        (0..least + self.dice.below(3)).map(|_| self.step(depth + 1, known)).collect()
    }

    fn control(&mut self, kind: &str, depth: usize, known: &mut Vec<String>) -> Value {
        let name = self.name();
        let mut step = json!({ "type": kind, "name": name });
        match kind {
            "serial" => {
                step["steps"] = json!(self.steps(1, depth, known));
                if self.dice.below(2) == 0 {
                    step["finally"] = json!(self.steps(0, depth, known));
                }
            }
            "parallel" => {
                let mut offered = Vec::new();
                let count = 1 + self.dice.below(3);
                let steps = (0..count).map(|_| {
                    let mut own = known.clone();
                    let step = self.step(depth + 1, &mut own);
                    offered.extend(own.split_off(known.len()));
                    step
                });
                step["steps"] = steps.collect();
                known.extend(offered);
                match self.dice.below(4) {
                    0 => step["success"] = json!("all"),
                    1 => step["success"] = json!("best_effort"),
                    2 => step["success"] = json!({ "quorum": 1 + self.dice.below(count) }),
                    _ => {}
                }
            }
            "branch" => {
                step["when"] = self.probe(0, known);
                let (mut yes, mut no) = (known.clone(), known.clone());
                step["then"] = json!(self.steps(0, depth, &mut yes));
                if self.dice.below(2) == 0 {
                    step["else"] = json!(self.steps(0, depth, &mut no));
                }
                let before = known.len();
                known.extend(yes.split_off(before));
                known.extend(no.split_off(before));
            }
            _ => {
                step["attempts"] = json!(1 + self.dice.below(4));
                step["step"] = self.step(depth + 1, known);
                if self.dice.below(2) == 0 {
                    step["delay_seconds"] = self.seconds(known, false);
                }
            }
        }
        step
    }

    fn leaf(&mut self, kind: &str, known: &[String]) -> Value {
        let name = self.name();
        let mut step = json!({ "type": kind, "name": name });
        match kind {
            "command" => {
                step["argv"] = json!(["./program", self.text(known), "--flag"]);
                if self.dice.below(3) == 0 {
                    step["env"] = json!({ "ADDRESS": self.text(known), "EMPTY": "" });
                }
            }
            "check" => {
                step["probe"] = self.probe(0, known);
                match self.dice.below(4) {
                    0 => step["mode"] = json!("assert"),
                    1 => step["mode"] = json!("converge"),
                    2 => step["mode"] = json!("hold"),
                    _ => {}
                }
                if self.dice.below(2) == 0 {
                    step["timeout_seconds"] = self.seconds(known, true);
                }
            }
            "wait" => step["seconds"] = self.seconds(known, true),
            _ => {
                let trigger = [json!({ "type": "immediate" }), json!({ "type": "time", "delay_seconds": 2 })];
                let mut entry = json!({ "trigger": self.dice.pick(&trigger), "action": { "type": "pause_process" } });
                entry["action"]["pid"] = self.reference(known).map_or(json!(4711), Value::from);
                if self.dice.below(2) == 0 {
                    entry["duration_seconds"] = self.seconds(known, true);
                }
                if self.dice.below(3) == 0 {
                    entry["during"] = json!([self.probe(1, known)]);
                }
                step["entry"] = entry;
            }
        }
        step
    }

    fn probe(&mut self, depth: usize, known: &[String]) -> Value {
        match self.dice.below(if depth < 2 { 4 } else { 2 }) {
            0 => json!({ "type": "tcp", "address": self.reference(known).unwrap_or("127.0.0.1:80".into()) }),
            1 => json!({ "type": "command", "argv": ["grep", self.text(known)] }),
            2 => json!({ "type": "all", "checks": [self.probe(depth + 1, known)] }),
            _ => json!({ "type": "any", "checks": [self.probe(depth + 1, known), self.probe(depth + 1, known)] }),
        }
    }

    fn seconds(&mut self, known: &[String], late: bool) -> Value {
        match self.reference(known).filter(|_| late && self.dice.below(3) == 0) {
            Some(reference) => json!(reference),
            None => self.dice.pick(&[json!(1), json!(0.25), json!(30), json!(7.5)]).clone(),
        }
    }

    fn text(&mut self, known: &[String]) -> String {
        match self.reference(known) {
            Some(reference) if self.dice.below(2) == 0 => format!("--url=http://{reference}/x"),
            Some(reference) => reference,
            None => self.dice.pick(&["plain", "", "$HOME", "{not one}"]).to_string(),
        }
    }

    fn reference(&mut self, known: &[String]) -> Option<String> {
        (!known.is_empty() && self.dice.below(3) == 0).then(|| format!("{{{{steps.{}.{OUTPUT}", self.dice.pick(known)))
    }
}

/// The keys that hold steps.
const HOLDS: [&str; 5] = ["steps", "finally", "then", "else", "step"];

/// Visits every step.
fn each(step: &Value, at: &str, visit: &mut impl FnMut(&Value, &str)) {
    visit(step, at);
    for key in HOLDS {
        match &step[key] {
            Value::Array(steps) => {
                steps.iter().enumerate().for_each(|(index, step)| each(step, &format!("{at}/{key}/{index}"), visit));
            }
            Value::Object(_) => each(&step[key], &format!("{at}/{key}"), visit),
            _ => {}
        }
    }
}

/// How long a step may take as a whole, in seconds; what an output says is not known.
pub(crate) fn budget(step: &Value) -> f64 {
    if let Some(deadline) = step["deadline_seconds"].as_f64() {
        return deadline;
    }
    together(step)
}

/// The same without its own deadline.
fn together(step: &Value) -> f64 {
    let each = |key: &str| step[key].as_array().into_iter().flatten().map(budget).collect::<Vec<_>>();
    let number = |value: &Value, or: f64| value.as_f64().unwrap_or(or);
    match step["type"].as_str().unwrap_or_default() {
        "serial" => each("steps").iter().sum(),
        "parallel" => each("steps").into_iter().fold(0.0, f64::max),
        "branch" => each("then").iter().sum::<f64>().max(each("else").iter().sum()),
        "retry" => {
            let attempts = number(&step["attempts"], 1.0);
            attempts * budget(&step["step"]) + (attempts - 1.0) * number(&step["delay_seconds"], 1.0)
        }
        // Never less than the truth: 2 s for the trigger.
        "fault" => number(&step["entry"]["duration_seconds"], 10.0) + 2.0,
        "check" => number(&step["timeout_seconds"], 30.0),
        "wait" => number(&step["seconds"], 0.0),
        _ => 0.0,
    }
}

/// Sets a key that is there, or is added, to one of some values.
fn set(step: &mut Value, key: &str, dice: &mut Dice, values: &[Value]) -> bool {
    step[key] = dice.pick(values).clone();
    true
}

fn remove(step: &mut Value, key: &str) -> bool {
    step.as_object_mut().is_some_and(|map| map.remove(key).is_some())
}

/// The reference that stands first in the texts of a step, replaced.
fn refer(step: &mut Value, to: &str) -> bool {
    step["argv"][1] = json!(format!("{{{{steps.{to}.{OUTPUT}"));
    true
}

macro_rules! mistakes {
    ($($name:literal, $of:literal, $seen:expr, $make:expr;)*) => {
        /// All kinds.
        pub(crate) const MISTAKES: &[Mistake] = &[$(Mistake { name: $name, of: $of, seen: $seen, make: $make }),*];
    };
}

mistakes! {
    "a type that is not known", "", Seen::Both, |s, d| set(s, "type", d, &[json!("comand"), json!(""), json!(7), json!(null)]);
    "no type", "", Seen::Both, |s, _| remove(s, "type");
    "no name", "", Seen::Both, |s, _| remove(s, "name");
    "a name of other characters", "", Seen::Both, |s, d| set(s, "name", d, &[json!("a b"), json!(""), json!("a/b"), json!("ü")]);
    "a name that is not text", "", Seen::Both, |s, d| set(s, "name", d, &[json!(7), json!(null), json!(["a"])]);
    "a name from an output", "", Seen::Both, |s, d| set(s, "name", d, &[json!("{{steps.a.output.b}}")]);
    "a key that is not known", "", Seen::Both, |s, d| { let key = *d.pick(&["zzz", "deadline", "retries", "nme"]); set(s, key, d, &[json!(1)]) };
    "a deadline that is not a number", "", Seen::Both, |s, d| set(s, "deadline_seconds", d, &[json!("soon"), json!("30s"), json!([1]), json!(true)]);
    "a deadline out of bounds", "", Seen::Both, |s, d| set(s, "deadline_seconds", d, &[json!(0), json!(-1), json!(86_401)]);
    "a deadline from an output", "", Seen::Loader("undeclared-reference"), |s, d| set(s, "deadline_seconds", d, &[json!("{{steps.a.output.b}}")]);
    "idempotent that is not a boolean", "", Seen::Both, |s, d| set(s, "idempotent", d, &[json!("yes"), json!(1)]);
    "no program", "command", Seen::Both, |s, d| set(s, "argv", d, &[json!([]), json!("./x"), json!([1]), json!(null)]);
    "no argv", "command", Seen::Both, |s, _| remove(s, "argv");
    "a variable that is not text", "command", Seen::Both, |s, d| set(s, "env", d, &[json!({"A": 1}), json!([]), json!({"A": null})]);
    "a mode that is not known", "check", Seen::Both, |s, d| set(s, "mode", d, &[json!("asserts"), json!(1)]);
    "no probe", "check", Seen::Both, |s, _| remove(s, "probe");
    "a probe that is not known", "check", Seen::Both, |s, d| set(s, "probe", d, &[json!({"type": "tpc"}), json!("up"), json!({"type": "tcp"})]);
    "a check's time out of bounds", "check", Seen::Both, |s, d| set(s, "timeout_seconds", d, &[json!(0), json!("long"), json!(1e9)]);
    "no time to wait", "wait", Seen::Both, |s, d| set(s, "seconds", d, &[json!(-1), json!("x"), json!(null), json!({})]);
    "no seconds", "wait", Seen::Both, |s, _| remove(s, "seconds");
    "no entry", "fault", Seen::Both, |s, _| remove(s, "entry");
    "an entry with a key that is not known", "fault", Seen::Both, |s, _| { s["entry"]["tigger"] = json!(1); true };
    "a fault that is not known", "fault", Seen::Both, |s, _| { s["entry"]["action"]["type"] = json!("pause_proces"); true };
    "no trigger", "fault", Seen::Both, |s, _| remove(&mut s["entry"], "trigger");
    "a hold out of bounds", "fault", Seen::Both, |s, d| { let hold = [json!(0), json!("x"), json!(-3)]; s["entry"]["duration_seconds"] = d.pick(&hold).clone(); true };
    "no steps", "serial", Seen::Both, |s, _| remove(s, "steps");
    "steps that are not a list", "serial", Seen::Both, |s, d| set(s, "steps", d, &[json!({}), json!("x"), json!(null)]);
    "a step that is not one", "serial", Seen::Both, |s, d| set(s, "steps", d, &[json!(["x"]), json!([null]), json!([[]]), json!([{}])]);
    "finally that is not a list", "serial", Seen::Both, |s, d| set(s, "finally", d, &[json!({}), json!("x"), json!([7])]);
    "a parallel of nothing", "parallel", Seen::Both, |s, d| set(s, "steps", d, &[json!([])]);
    "a success that is not known", "parallel", Seen::Both, |s, d| set(s, "success", d, &[json!("some"), json!({"quorum": "x"}), json!({"quorum": -1}), json!({"quorum": 1.5}), json!({"most": 1}), json!({}), json!(1)]);
    "a quorum from an output", "parallel", Seen::Loader("undeclared-reference"), |s, d| set(s, "success", d, &[json!({"quorum": "{{steps.a.output.b}}"})]);
    "no probe of a branch", "branch", Seen::Both, |s, _| remove(s, "when");
    "an arm that is not a list", "branch", Seen::Both, |s, d| { let arm = *d.pick(&["then", "else"]); set(s, arm, d, &[json!({}), json!("x")]) };
    "attempts out of bounds", "retry", Seen::Both, |s, d| set(s, "attempts", d, &[json!(0), json!(1001), json!(1.5), json!("3"), json!(null)]);
    "attempts from an output", "retry", Seen::Loader("undeclared-reference"), |s, d| set(s, "attempts", d, &[json!("{{steps.a.output.b}}")]);
    "a delay out of bounds", "retry", Seen::Both, |s, d| set(s, "delay_seconds", d, &[json!(0), json!("x"), json!(-1)]);
    "no step to retry", "retry", Seen::Both, |s, d| if d.below(2) == 0 { remove(s, "step") } else { set(s, "step", d, &[json!([]), json!("x"), json!({})]) };
    "two steps of one name", "serial", Seen::Loader("duplicate-step"), |s, _| {
        let name = s["name"].clone();
        s["steps"].as_array_mut().and_then(|steps| steps.iter_mut().find(|step| step["type"] != "command")).is_some_and(|step| { step["name"] = name; true })
    };
    "a quorum that can't be reached", "parallel", Seen::Loader("quorum-out-of-reach"), |s, d| {
        let count = s["steps"].as_array().map_or(0, Vec::len);
        set(s, "success", d, &[json!({"quorum": count + 1}), json!({"quorum": 0}), json!({"quorum": 4_000_000_000_u32})])
    };
    "an output of no step", "command", Seen::Loader("undeclared-reference"), |s, _| refer(s, "nobody");
    "an output of its own", "command", Seen::Loader("undeclared-reference"), |s, _| { let own = s["name"].as_str().unwrap_or_default().to_owned(); refer(s, &own) };
    "an output of the step that holds it", "serial", Seen::Loader("undeclared-reference"), |s, _| {
        let own = s["name"].as_str().unwrap_or_default().to_owned();
        s["steps"].as_array_mut().and_then(|steps| steps.iter_mut().find(|step| step["type"] == "command")).is_some_and(|step| refer(step, &own))
    };
    "an output of a later step", "serial", Seen::Loader("undeclared-reference"), |s, _| {
        let steps = s["steps"].as_array_mut().into_iter().flatten();
        let mut commands = steps.filter(|step| step["type"] == "command");
        let (Some(first), Some(later)) = (commands.next(), commands.next()) else { return false };
        let later = later["name"].as_str().unwrap_or_default().to_owned();
        refer(first, &later)
    };
    "an output of a step beside it", "parallel", Seen::Loader("undeclared-reference"), |s, _| {
        let steps = s["steps"].as_array_mut().into_iter().flatten();
        let mut commands = steps.filter(|step| step["type"] == "command");
        let (Some(one), Some(other)) = (commands.next(), commands.next()) else { return false };
        let one = one["name"].as_str().unwrap_or_default().to_owned();
        refer(other, &one)
    };
    "a deadline that does not fit", "serial", Seen::Warned("deadlines-do-not-fit"), |s, d| {
        let least = s["steps"].as_array().into_iter().flatten().filter_map(|step| step["deadline_seconds"].as_f64()).sum::<f64>();
        least > 1.0 && set(s, "deadline_seconds", d, &[json!(least - 0.5)])
    };
    "a wait longer than its deadline", "wait", Seen::Warned("deadlines-do-not-fit"), |s, d| {
        s["seconds"].as_f64().is_some_and(|seconds| set(s, "deadline_seconds", d, &[json!(seconds / 2.0)]))
    };
    "a step after the deadline", "serial", Seen::Warned("unreachable-step"), |s, d| {
        let Some(steps) = s["steps"].as_array_mut() else { return false };
        if steps.is_empty() { return false }
        steps.insert(0, json!({ "type": "wait", "name": "too-long", "seconds": 3600 }));
        set(s, "deadline_seconds", d, &[json!(1800)])
    };
}
