//! Sets of countries: `DE`, `DE,AT,CH`, `EU`, `EEA`.

mod table;

use std::sync::LazyLock;

use strsim::osa_distance;

use crate::config::vars::Scope;
use table::COUNTRIES;

/// The 27 countries of the European Union. Its regions overseas have codes of their own, which are
/// not among them.
pub const EU: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The countries that with those of the European Union are the 30 of the European Economic Area.
const EEA_BESIDE_EU: &[&str] = &["IS", "LI", "NO"];

/// Names in use for countries and for what lies in them, and the codes that are meant.
const ALIASES: &[(&str, &str)] = &[
    ("uk", "GB"),
    ("greatbritain", "GB"),
    ("britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("northernireland", "GB"),
    ("america", "US"),
    ("unitedstatesofamerica", "US"),
    ("el", "GR"),
    ("holland", "NL"),
    ("czechrepublic", "CZ"),
    ("korea", "KR"),
    ("macedonia", "MK"),
    ("swaziland", "SZ"),
    ("burma", "MM"),
    ("turkey", "TR"),
    ("uae", "AE"),
    ("ivorycoast", "CI"),
    ("caboverde", "CV"),
    ("easttimor", "TL"),
    ("vatican", "VA"),
    ("deutschland", "DE"),
    ("espana", "ES"),
    ("italia", "IT"),
    ("brasil", "BR"),
    ("europe", "EU"),
    ("europeanunion", "EU"),
    ("europeaneconomicarea", "EEA"),
    ("ewr", "EEA"),
];

/// Letters of the shortest name in which a typing error is looked for.
const LONG: usize = 5;

/// The bits of a word of the set.
const BITS: usize = u64::BITS as usize;

/// A set of countries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountrySet([u64; (26 * 26usize).div_ceil(BITS)]);

impl CountrySet {
    /// Returns the set of all countries.
    pub fn all() -> CountrySet {
        static ALL: LazyLock<CountrySet> =
            LazyLock::new(|| COUNTRIES.iter().map(|country| country.code).collect());
        *ALL
    }

    /// Reads one country's code, `EU` or `EEA`, in any case. The error says what is expected.
    pub fn parse_one(text: &str) -> Result<CountrySet, String> {
        let upper = text.trim().to_ascii_uppercase();
        match upper.as_str() {
            "EU" => Ok(EU.iter().copied().collect()),
            "EEA" => Ok(EU.iter().chain(EEA_BESIDE_EU).copied().collect()),
            code if COUNTRIES.iter().any(|known| known.code == code) => {
                Ok([code].into_iter().collect())
            }
            _ => Err(expected(text)),
        }
    }

    /// Reads the comma-separated countries of the variable `key`, and notes what is wrong with each
    /// that is none. `None` if it is not set or has mistakes.
    pub fn read(scope: &Scope<'_>, key: &str) -> Option<CountrySet> {
        let mut set = Some(CountrySet::default());
        for text in scope.text(key)?.split(',').map(str::trim) {
            match CountrySet::parse_one(text) {
                Ok(more) => set = set.map(|set| set.union(more)),
                Err(expected) => {
                    scope.wrong_value(key, format!("{text:?}"), expected);
                    set = None;
                }
            }
        }
        set
    }

    /// Returns whether the country with this code, in any case, is in the set.
    pub fn contains(&self, code: &str) -> bool {
        position(code).is_some_and(|(word, bit)| self.0.get(word).is_some_and(|w| w & bit != 0))
    }

    /// Returns the countries that are in one of two sets.
    pub fn union(mut self, other: CountrySet) -> CountrySet {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// Returns the countries that are in both of two sets.
    pub fn intersection(mut self, other: CountrySet) -> CountrySet {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    /// Returns the countries of the set that are not in `other`.
    pub fn without(mut self, other: CountrySet) -> CountrySet {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    /// Returns whether no country is in the set.
    pub fn is_empty(&self) -> bool {
        *self == CountrySet::default()
    }

    /// Returns the codes of its countries, in their order.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        let set = *self;
        let codes = COUNTRIES.iter().map(|country| country.code);
        codes.filter(move |code| set.contains(code))
    }
}

impl<'c> FromIterator<&'c str> for CountrySet {
    /// Collects codes; what is not two letters is left out.
    fn from_iter<I: IntoIterator<Item = &'c str>>(codes: I) -> CountrySet {
        let mut set = CountrySet::default();
        for (word, bit) in codes.into_iter().filter_map(position) {
            if let Some(word) = set.0.get_mut(word) {
                *word |= bit;
            }
        }
        set
    }
}

/// Returns the word and the bit of a code; `None` unless it is two letters.
#[inline]
fn position(code: &str) -> Option<(usize, u64)> {
    let &[a, b] = code.as_bytes() else {
        return None;
    };
    let letter = |c: u8| match c.to_ascii_lowercase().wrapping_sub(b'a') {
        n @ 0..26 => Some(usize::from(n)),
        _ => None,
    };
    let place = letter(a)? * 26 + letter(b)?;
    Some((place / BITS, 1 << (place % BITS)))
}

/// Returns what is expected in the place of `text`, with the country that was meant if that can be
/// told.
fn expected(text: &str) -> String {
    const CODES: &str = "countries' codes of two letters, such as US or DE, or EU or EEA";
    match meant(text) {
        Some(code) => match COUNTRIES.iter().find(|country| country.code == code) {
            Some(country) => format!("{code}, the code of {}", country.name),
            None => code.to_owned(),
        },
        None => CODES.to_owned(),
    }
}

/// Returns the code that was most likely meant by `text`.
fn meant(text: &str) -> Option<&'static str> {
    let plain = plain(text);
    let is_alias = |alias: &&(&str, &str)| alias.0 == plain;
    if let Some((_, code)) = ALIASES.iter().find(is_alias) {
        return Some(code);
    }
    let is_named = |name: &str| self::plain(name) == plain;
    let mut countries = COUNTRIES.iter();
    let found = countries.find(|it| is_named(it.name) || is_named(it.long_code));
    if found.is_some() || plain.len() < LONG {
        return found.map(|country| country.code);
    }
    let distance = |name: &str| osa_distance(&self::plain(name), &plain);
    let near = COUNTRIES.iter().map(|it| (distance(it.name), it.code));
    near.min().filter(|(d, _)| *d <= 2).map(|(_, code)| code)
}

/// Returns the letters of a name, in lower case and without the accents of the languages nearby.
fn plain(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_lowercase);
    let bare = letters.map(|c| match c {
        'å' | 'ã' | 'á' | 'ä' => 'a',
        'ç' => 'c',
        'é' => 'e',
        'í' => 'i',
        'ñ' => 'n',
        'ô' | 'ó' | 'ö' => 'o',
        'ü' | 'ú' => 'u',
        other => other,
    });
    bare.filter(|c| c.is_alphabetic()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::vars::Vars;

    fn one(text: &str) -> Result<CountrySet, String> {
        CountrySet::parse_one(text)
    }

    #[test]
    fn every_country_has_its_bit() {
        assert_eq!(COUNTRIES.len(), 250);
        let mut union = CountrySet::default();
        for country in COUNTRIES {
            let set = one(&country.code.to_lowercase()).unwrap();
            assert_eq!(set.codes().collect::<Vec<_>>(), [country.code]);
            assert!(!union.contains(country.code), "{} twice", country.code);
            union = union.union(set);
        }
        assert_eq!(union.codes().count(), 250);
        assert!(union.without(union).is_empty());
    }

    #[test]
    fn unions_have_their_members_and_no_others() {
        let (eu, eea) = (one("eu").unwrap(), one("EEA").unwrap());
        assert_eq!(eu.codes().count(), 27);
        assert_eq!(eea.codes().count(), 30);
        assert_eq!(
            eea.without(eu).codes().collect::<Vec<_>>(),
            ["IS", "LI", "NO"]
        );
        assert_eq!(eu.intersection(eea), eu);
        assert!(!eea.contains("GB") && !eea.contains("CH") && !eea.contains("EU"));
    }

    #[test]
    fn what_is_no_code_is_in_no_set() {
        let all: CountrySet = COUNTRIES.iter().map(|country| country.code).collect();
        for text in ["", "D", "DEU", "??", "ß", "D1", "é"] {
            assert!(!all.contains(text), "{text}");
        }
        assert!(all.contains("de") && all.contains("De"));
    }

    #[test]
    fn a_country_by_another_name_is_told_its_code() {
        for (text, code) in [
            ("USA", "US"),
            ("UK", "GB"),
            ("Germany", "DE"),
            ("germny", "DE"),
            ("GBR", "GB"),
            ("england", "GB"),
            ("United States", "US"),
            ("South Korea", "KR"),
            ("Côte d'Ivoire", "CI"),
            ("Turkey", "TR"),
            ("Europe", "EU"),
            ("EL", "GR"),
        ] {
            let expected = one(text).unwrap_err();
            let is_told = expected == code || expected.starts_with(&format!("{code}, the code of"));
            assert!(is_told, "{text}: {expected}");
        }
        for text in ["", "ZZ", "XX", "Atlantis", "D E", "*"] {
            let expected = one(text).unwrap_err();
            assert!(
                expected.starts_with("countries' codes"),
                "{text}: {expected}"
            );
        }
    }

    #[test]
    fn each_mistake_in_a_list_is_told() {
        let vars = Vars::from([(
            "H_COUNTRIES".to_owned(),
            "us, EU ,USA,Frankreich,".to_owned(),
        )]);
        let scope = Scope::new(&vars, "H_");
        assert_eq!(CountrySet::read(&scope, "COUNTRIES"), None);
        let told: Vec<_> = scope
            .into_mistakes()
            .iter()
            .map(|m| m.to_string())
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("found \"USA\"; expected US, the code of United States"));
    }
}
