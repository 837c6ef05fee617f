//! What a request of our own shows of a rule: each part of it, or why not.

mod preset;
mod tried;

use std::time::Duration;

use chaos_core::{
    DurationText, HttpAnswer, HttpCertificate, HttpChange, HttpEffect, HttpPlace, HttpRule, HttpStall, HttpTrial,
};

use self::tried::{ANSWER, LONGEST, NotShown, SILENCE, Tried};

/// How long the request may take.
pub(super) fn wait(rule: &HttpRule) -> Duration {
    let Some(effect) = &rule.effect else { return preset::wait(rule.preset) };
    let delay = effect.delay.map_or(Duration::ZERO, DurationText::get);
    let rest = match effect.stall {
        Some(HttpStall { lasts: Some(lasts), .. }) => lasts.get().saturating_add(ANSWER),
        Some(_) => SILENCE,
        None => ANSWER,
    };
    delay.saturating_add(rest).min(LONGEST)
}

/// What it shows in words.
///
/// # Errors
/// What did not show.
pub(super) fn shown(rule: &HttpRule, trial: &HttpTrial, wait: Duration) -> Result<String, NotShown> {
    let tried = Tried { trial, wait };
    match (&rule.effect, rule.preset) {
        (Some(effect), _) => tried.effect(effect),
        (None, Some(preset)) => tried.preset(preset),
        (None, None) => Err(NotShown("there is nothing to be seen".to_owned())),
    }
}

impl Tried<'_> {
    fn effect(&self, effect: &HttpEffect) -> Result<String, NotShown> {
        if let Some(certificate) = effect.certificate {
            return self.certificate(certificate);
        }
        let mut seen = Vec::new();
        if let Some(delay) = effect.delay {
            seen.push(self.delay(delay.get())?);
            if delay.get() >= self.wait {
                let alone = HttpEffect { delay: effect.delay, ..HttpEffect::default() };
                return if *effect == alone {
                    Ok(seen.remove(0))
                } else {
                    Err(NotShown(format!("{}, and so the rest", seen[0])))
                };
            }
        }
        seen.extend(self.served(effect)?);
        if effect.close {
            seen.push(self.closed()?);
            return Ok(seen.join(", "));
        }
        let Some(status) = self.trial.status else { return Err(NotShown(format!("no answer: {}", self.error()))) };
        let is_part = effect.cut.is_some() || effect.stall.is_some() || effect.corrupt.is_some();
        if let Some(answer) = &effect.answer {
            seen.push(self.answer(answer, status, is_part)?);
        }
        if let Some(change) = &effect.change {
            seen.push(self.change(change, status, is_part)?);
        }
        if effect.corrupt.is_some() {
            seen.push(self.corrupt(effect)?);
        }
        if let Some(cut) = effect.cut {
            seen.push(self.cut(cut)?);
        }
        if let Some(stall) = effect.stall {
            seen.push(self.stall(stall, effect.delay.map_or(Duration::ZERO, DurationText::get))?);
        }
        Ok(seen.join(", "))
    }

    fn certificate(&self, certificate: HttpCertificate) -> Result<String, NotShown> {
        let error = self.error();
        let is_it = match certificate {
            HttpCertificate::Expired => error.contains("expired"),
            HttpCertificate::WrongName => error.contains("not for `") || error.contains("names no host"),
            HttpCertificate::Untrusted => error.contains("not trusted") || error.contains("BadSignature"),
        };
        if self.trial.status.is_none() && is_it {
            Ok(error.to_owned())
        } else {
            Err(NotShown(format!("the handshake: {error}")))
        }
    }

    fn delay(&self, delay: Duration) -> Result<String, NotShown> {
        let came = if self.trial.status.is_some() { self.trial.first_byte_us } else { self.trial.total_us };
        let came = Duration::from_micros(came);
        if delay >= self.wait {
            let nothing = self.trial.status.is_none() && self.is_silent();
            return if nothing {
                Ok(format!("nothing came within {}, as long as the check waits", seconds(self.wait)))
            } else {
                Err(NotShown(format!("it ended after {}: {}", seconds(came), self.error())))
            };
        }
        if self.is_silent() && self.trial.status.is_none() {
            return Err(NotShown(format!("nothing came within {}", seconds(self.wait))));
        }
        let words = format!("it was answered after {}", seconds(came));
        if came >= delay { Ok(words) } else { Err(NotShown(words)) }
    }

    /// How often the server got it, where that is part of the effect.
    fn served(&self, effect: &HttpEffect) -> Result<Option<String>, NotShown> {
        let is_ours = effect.answer.is_some() || effect.close;
        let expected = match (is_ours && !effect.after_server, effect.duplicate) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        let words = match self.trial.served {
            0 => "the server did not get it".to_owned(),
            1 => "the server got it once".to_owned(),
            times => format!("the server got it {times} times"),
        };
        if self.trial.served != expected {
            return Err(NotShown(words));
        }
        Ok((is_ours || effect.duplicate).then_some(words))
    }

    fn closed(&self) -> Result<String, NotShown> {
        if self.trial.status.is_none() && self.trial.error.is_some() && !self.is_silent() {
            return Ok("it got no answer, and the connection was closed".to_owned());
        }
        Err(NotShown(
            self.trial.status.map_or_else(|| self.error().to_owned(), |status| format!("it was answered {status}")),
        ))
    }

    fn answer(&self, answer: &HttpAnswer, status: u16, is_part: bool) -> Result<String, NotShown> {
        if let Some(grpc) = &answer.grpc {
            let told = self.trial.grpc_status;
            let words =
                format!("status {status}, `grpc-status` {}", told.map_or("none".to_owned(), |code| code.to_string()));
            return if status == 200 && told == Some(grpc.code.get()) { Ok(words) } else { Err(NotShown(words)) };
        }
        is_status(answer.status.get(), status)?;
        let after = answer.retry_after.map(|after| ("retry-after", whole_seconds(after.get()).to_string()));
        let given = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str().to_owned()));
        for (name, value) in given.chain(after) {
            self.has_header(name, &value)?;
        }
        if !is_part && ![204, 304].contains(&status) {
            self.is_body(&answer.body)?;
        }
        Ok(format!("it was answered {status}"))
    }

    fn change(&self, change: &HttpChange, status: u16, is_part: bool) -> Result<String, NotShown> {
        if let Some(changed) = change.status {
            is_status(changed.get(), status)?;
        }
        for (name, value) in &change.set_headers {
            self.has_header(name.as_str(), value.as_str())?;
        }
        for name in &change.remove_headers {
            if let Some(value) = self.trial.headers.get(&name.as_str().to_ascii_lowercase()) {
                return Err(NotShown(format!("the header `{}` is there: `{value}`", name.as_str())));
            }
        }
        if let (Some(body), false) = (&change.body, is_part) {
            self.is_body(body)?;
        }
        Ok(format!("the answer was changed (status {status}, {} bytes)", self.trial.body_bytes))
    }

    fn has_header(&self, name: &str, expected: &str) -> Result<(), NotShown> {
        match self.trial.headers.get(&name.to_ascii_lowercase()) {
            Some(value) if value.trim() == expected.trim() => Ok(()),
            Some(value) => Err(NotShown(format!("the header `{name}` is `{value}`"))),
            None => Err(NotShown(format!("the header `{name}` is not there"))),
        }
    }

    fn is_body(&self, expected: &str) -> Result<(), NotShown> {
        if self.trial.body_bytes == expected.len() as u64 && is_begin(&self.trial.body, expected) {
            return Ok(());
        }
        Err(NotShown(format!("the body is another one, of {} bytes", self.trial.body_bytes)))
    }

    fn corrupt(&self, effect: &HttpEffect) -> Result<String, NotShown> {
        let changed = effect.change.as_ref().and_then(|change| change.body.as_ref());
        let given = effect.answer.as_ref().map(|answer| &answer.body).or(changed);
        let is_whole = given.map_or_else(|| self.trial.is_unchanged, |given| is_begin(&self.trial.body, given));
        if self.trial.body_bytes == 0 || is_whole {
            return Err(NotShown(format!("of {} bytes of the body none was changed", self.trial.body_bytes)));
        }
        Ok(format!("of {} bytes of the body some were changed", self.trial.body_bytes))
    }

    fn is_at(&self, place: HttpPlace) -> Result<String, NotShown> {
        let HttpTrial { body_bytes, body_events, .. } = *self.trial;
        let (is_there, words) = match (place.after_bytes, place.after_events) {
            (Some(bytes), _) => (bytes == body_bytes, format!("{body_bytes} bytes")),
            (_, Some(events)) => (events == body_events, format!("{body_events} events")),
            _ => (false, format!("{body_bytes} bytes")),
        };
        if is_there { Ok(words) } else { Err(NotShown(format!("{words} of the body came: {}", self.error()))) }
    }

    fn cut(&self, cut: HttpPlace) -> Result<String, NotShown> {
        if self.trial.is_complete || self.trial.error.is_none() || self.is_silent() {
            return Err(NotShown(format!("{} bytes of the body came: {}", self.trial.body_bytes, self.error())));
        }
        Ok(format!("the connection was closed behind {} of the body", self.is_at(cut)?))
    }

    fn stall(&self, stall: HttpStall, delay: Duration) -> Result<String, NotShown> {
        let least = stall.lasts.map(|lasts| lasts.get().saturating_add(delay)).filter(|least| *least < self.wait);
        let Some(least) = least else {
            if !self.is_silent() {
                return Err(NotShown(format!("{} bytes of the body came: {}", self.trial.body_bytes, self.error())));
            }
            return Ok(format!(
                "nothing came behind {} of the body within {}",
                self.is_at(stall.place())?,
                seconds(self.wait)
            ));
        };
        let ended = Duration::from_micros(self.trial.last_byte_us);
        let words = format!("the last byte came after {}", seconds(ended));
        if self.trial.is_complete && ended >= least { Ok(words) } else { Err(NotShown(words)) }
    }
}

fn is_status(expected: u16, status: u16) -> Result<(), NotShown> {
    if expected == status { Ok(()) } else { Err(NotShown(format!("it was answered {status}, not {expected}"))) }
}

/// Whether what was kept of a body is the beginning of that text.
fn is_begin(kept: &str, text: &str) -> bool {
    let bytes = text.as_bytes();
    // A character that was cut in two is told as a replacement.
    let end = kept.strip_suffix('\u{FFFD}').unwrap_or(kept);
    bytes.starts_with(end.as_bytes()) && (!bytes.is_empty() || kept.is_empty())
}

/// Rounded up, as the header has it.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests;
