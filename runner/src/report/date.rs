//! A moment as people write it.

/// Seconds since 1970 as `2026-01-31 12:00:00 UTC`.
pub(super) fn utc(unix_seconds: f64) -> String {
    let (day, time) = moment(unix_seconds);
    format!("{day} {:02}:{:02}:{:02} UTC", time / 3600, time / 60 % 60, time % 60)
}

/// The same without the seconds: `2026-01-31 12:00 UTC`.
pub fn utc_to_the_minute(unix_seconds: f64) -> String {
    let (day, time) = moment(unix_seconds);
    format!("{day} {:02}:{:02} UTC", time / 3600, time / 60 % 60)
}

/// The date, and the seconds since its midnight. Days by Howard Hinnant's `civil_from_days`.
fn moment(unix_seconds: f64) -> (String, i64) {
    #[expect(clippy::cast_possible_truncation, reason = "a float beyond i64 saturates, which no report reaches")]
    let seconds = unix_seconds.floor() as i64;
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era.saturating_mul(400).saturating_add(year_of_era + i64::from(month <= 2));
    (format!("{year:04}-{month:02}-{day:02}"), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        let rows = [
            (0.0, "1970-01-01 00:00:00 UTC"),
            (951_782_400.0, "2000-02-29 00:00:00 UTC"),
            (1_795_655_220.882, "2026-11-26 01:07:00 UTC"),
            (4_107_542_399.0, "2100-02-28 23:59:59 UTC"),
            (-1.0, "1969-12-31 23:59:59 UTC"),
        ];
        for (seconds, want) in rows {
            assert_eq!(utc(seconds), want);
        }
    }
}
