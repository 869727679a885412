//! Timestamps as EVE and fast.log print them, in UTC.

use sluice_core::Nanos;
use std::io::Write;

/// A day of the Gregorian calendar and a time in it.
struct Civil {
    year: i64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

/// Days since 1970-01-01 to year, month, day. Eras of 400 years have 146,097 days; the year begins in March so that the leap day is its last.
fn civil(seconds: i64) -> Civil {
    let days = seconds.div_euclid(86_400) + 719_468;
    let of_day = seconds.rem_euclid(86_400);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u8;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil {
        year,
        month,
        day,
        hour: (of_day / 3_600) as u8,
        minute: (of_day / 60 % 60) as u8,
        second: (of_day % 60) as u8,
    }
}

/// `2009-11-24T21:27:09.534255+0000`
pub fn eve(time: Nanos) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(time.seconds() as i64);
    let micros = time.subsecond_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+0000")
}

/// `2009-11-24T21:27:09`, of seconds since 1970.
pub fn date(seconds: i64) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// `11/24/2009-21:27:09.534255`, at the end of `out`.
pub fn fast(out: &mut Vec<u8>, time: Nanos) {
    let Civil { year, month, day, hour, minute, second } = civil(time.seconds() as i64);
    let micros = time.subsecond_micros();
    // Writing to a vector can't fail.
    let _ = write!(out, "{month:02}/{day:02}/{year:04}-{hour:02}:{minute:02}:{second:02}.{micros:06}");
}

#[cfg(test)]
mod tests {
    use super::{Nanos, date, eve, fast};

    #[test]
    fn dates_before_1970_have_their_day() {
        assert_eq!(date(-86_400), "1969-12-31T00:00:00");
        assert_eq!(date(-1), "1969-12-31T23:59:59");
        assert_eq!(date(1_423_764_447), "2015-02-12T18:07:27");
    }

    #[test]
    fn known_moments_print_as_the_calendar_has_them() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000000+0000"),
            (951_782_400, "2000-02-29T00:00:00.000000+0000"),
            (951_868_799, "2000-02-29T23:59:59.000000+0000"),
            (1_600_000_000, "2020-09-13T12:26:40.000000+0000"),
            (4_102_444_800, "2100-01-01T00:00:00.000000+0000"),
        ] {
            assert_eq!(eve(Nanos::from_seconds(seconds)), expected);
        }
        let mut out = Vec::new();
        fast(&mut out, Nanos::from_micros(1_600_000_000_000_200));
        assert_eq!(out, b"09/13/2020-12:26:40.000200");
    }
}
