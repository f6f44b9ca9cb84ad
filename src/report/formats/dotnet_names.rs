//! The full names of tests, as the tools of .NET write them: namespace, class, method, arguments.

use crate::report::Place;

/// The class in a full name such as `App.Tests.Sums.Add(1.5,"x")`.
pub(super) fn class_of(full: &str) -> Option<&str> {
    let before_arguments = full.split('(').next().unwrap_or(full);
    before_arguments.rsplit_once('.').map(|(class, _)| class).filter(|class| !class.is_empty())
}

/// The part of a full name that follows its class; the name as it is where the class does not lead it.
pub(super) fn inside<'a>(name: &'a str, class: &str) -> &'a str {
    name.strip_prefix(class).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
}

/// The place and the name of a case of this class, where it has one.
pub(super) fn within<'a>(name: &'a str, class: Option<&'a str>) -> (Place<'a>, &'a str) {
    match class.filter(|class| !class.is_empty()) {
        Some(class) => (Place::class(class), inside(name, class)),
        None => (Place::default(), name),
    }
}

#[cfg(test)]
mod tests {
    use super::{class_of, inside};

    #[test]
    fn a_class_ends_before_the_method() {
        assert_eq!(class_of("App.Sums.Add(1.5,\"a.b\")"), Some("App.Sums"));
        assert_eq!(class_of("App.Outer+Inner.Late"), Some("App.Outer+Inner"));
        assert_eq!(class_of("Add(1.5)"), None);
        assert_eq!(class_of(".Add"), None);
        assert_eq!(inside("App.Sums.Add(1.5)", "App.Sums"), "Add(1.5)");
        assert_eq!(inside("App.Summary.Add", "App.Sum"), "App.Summary.Add");
    }
}
