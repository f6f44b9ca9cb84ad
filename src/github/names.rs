//! Which artifacts are looked into, by their names.

/// Names of artifacts that hold a plan, in lower case; `*` is any text.
pub const PLANS: &[&str] = &["shard-plan*"];

/// Names of artifacts that hold outcomes.
pub const OUTCOMES: &[&str] = &["shard-out*", "shard-obs*"];

/// Whether one of these patterns is like `name`, whatever the case of its letters.
pub fn is_of<P: AsRef<str>>(patterns: &[P], name: &str) -> bool {
    patterns.iter().any(|pattern| like(name, pattern.as_ref()))
}

/// Whether `name` is like `pattern`, whose `*` are any text.
#[must_use]
pub fn like(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.to_ascii_lowercase(), pattern.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_like_patterns() {
        for (name, pattern, expect) in [
            ("shard-plan", "shard-plan*", true),
            ("Shard-Plan-e2e", "shard-plan*", true),
            ("my-shard-plan", "shard-plan*", false),
            ("shard-plan", "shard-plan", true),
            ("shard-plans", "shard-plan", false),
            ("a-x-b-y", "a*x*y", true),
            ("a-b-y", "a*x*y", false),
            ("", "*", true),
            ("aa", "a*a", true),
            ("a", "a*a", false),
        ] {
            assert_eq!(like(name, pattern), expect, "{name} {pattern}");
        }
    }
}
