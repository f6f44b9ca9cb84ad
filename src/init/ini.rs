//! `pytest.ini`, `setup.cfg`, `tox.ini`: sections of keys, whose values go on in indented lines.

/// The words of a key; `None` where the section or the key is not there.
pub(super) fn words(text: &str, section: &str, key: &str) -> Option<Vec<String>> {
    let mut inside = false;
    let mut found: Option<Vec<String>> = None;
    let mut taking = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (inside, taking) = (name == section, false);
        } else if inside && line.starts_with([' ', '\t']) && taking {
            found.get_or_insert_default().extend(trimmed.split_whitespace().map(str::to_owned));
        } else if inside && let Some((name, value)) = trimmed.split_once(['=', ':']) {
            taking = name.trim() == key;
            if taking {
                found = Some(value.split_whitespace().map(str::to_owned).collect());
            }
        }
    }
    found
}

/// Whether there is such a section.
pub(super) fn has_section(text: &str, section: &str) -> bool {
    text.lines().any(|line| line.trim() == format!("[{section}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_on_in_indented_lines() {
        let text = "[tool:pytest]\ntestpaths =\n    tests\n    # no\n    more\naddopts = -ra -q\n[other]\ntestpaths: x\n";
        assert_eq!(words(text, "tool:pytest", "testpaths").unwrap(), ["tests", "more"]);
        assert_eq!(words(text, "tool:pytest", "addopts").unwrap(), ["-ra", "-q"]);
        assert_eq!(words(text, "other", "testpaths").unwrap(), ["x"]);
        assert_eq!(words(text, "tool:pytest", "python_files"), None);
        assert!(has_section(text, "other") && !has_section(text, "pytest"));
    }
}
