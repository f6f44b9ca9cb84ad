//! The files of a project as people know them: without what is built, installed or ignored, and within bounds.

use std::fs;
use std::path::Path;

use super::ignored::Ignored;
use super::read;

/// Most files of a listing.
const FILES_MAX: usize = 200_000;
/// Most folders that are looked into.
const FOLDERS_MAX: usize = 50_000;
/// Most folders above each other.
const DEPTH_MAX: usize = 20;
/// Longest `.gitignore` that is read, in bytes.
const IGNORE_MAX: u64 = 256 << 10;

/// Folders of installed packages, whatever `.gitignore` says of them.
const INSTALLED: [&str; 5] = ["node_modules", "__pycache__", "site-packages", "bower_components", "Pods"];
/// What such a folder has in it: a virtual environment, a cache.
const MARKS: [&str; 2] = ["pyvenv.cfg", "CACHEDIR.TAG"];
/// Hidden folders that say something about a project.
const SHOWN: [&str; 6] = [".github", ".gitlab", ".config", ".circleci", ".buildkite", ".semaphore"];

/// A listing of a project.
#[derive(Debug, Default)]
pub struct Tree {
    /// Regular files in the order of their names, relative to the folder and with `/` between their parts.
    pub files: Vec<String>,
    /// Why there may be more; empty where there is not.
    pub missing: Vec<String>,
}

/// The files below `folder`. Symbolic links are not followed, and nothing that `.gitignore` leaves out is looked into.
#[must_use]
pub fn tree(folder: &Path) -> Tree {
    let mut walk = Walk { tree: Tree::default(), folders: 0, odd: 0, closed: 0, deep: 0, full: false };
    walk.folder(folder, "", &mut Vec::new());
    let mut tree = walk.tree;
    tree.files.sort_unstable();
    let mut say = |count: usize, noun: &str, why: &str| {
        if count > 0 {
            tree.missing.push(format!("{} {why}", crate::text::count(count, noun)));
        }
    };
    say(walk.odd, "name", "not in UTF-8");
    say(walk.closed, "folder", "that cannot be read");
    say(walk.deep, "folder", "too deep");
    if walk.full {
        tree.missing.push(format!("what is beyond {} files", crate::text::thousands(FILES_MAX)));
    }
    tree
}

struct Walk {
    tree: Tree,
    folders: usize,
    odd: usize,
    closed: usize,
    deep: usize,
    full: bool,
}

impl Walk {
    /// `below` is the folder's name with a `/` behind it; `rules` are those of the folders above, with theirs.
    fn folder(&mut self, root: &Path, below: &str, rules: &mut Vec<(usize, Ignored)>) {
        self.folders += 1;
        let Ok(entries) = fs::read_dir(root.join(below)) else { return self.closed += 1 };
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let Ok(name) = entry.file_name().into_string() else {
                self.odd += 1;
                continue;
            };
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() {
                files.push(name);
            }
            if files.len() + folders.len() > FILES_MAX {
                self.full = true;
                break;
            }
        }
        if files.iter().any(|name| MARKS.contains(&name.as_str())) && !below.is_empty() {
            return;
        }
        if files.iter().any(|name| name == ".gitignore") {
            let text = read(&root.join(below).join(".gitignore"), IGNORE_MAX).unwrap_or_default();
            rules.push((below.len(), Ignored::new(&String::from_utf8_lossy(&text))));
        } else {
            rules.push((below.len(), Ignored::default()));
        }
        for name in files {
            let path = format!("{below}{name}");
            if self.tree.files.len() >= FILES_MAX {
                self.full = true;
                break;
            }
            if !ignored(rules, &path, false) {
                self.tree.files.push(path);
            }
        }
        folders.sort_unstable();
        for name in folders {
            let path = format!("{below}{name}");
            let hidden = name.starts_with('.') && !SHOWN.contains(&name.as_str());
            if hidden || INSTALLED.contains(&name.as_str()) || ignored(rules, &path, true) {
                continue;
            }
            if self.folders >= FOLDERS_MAX || self.tree.files.len() >= FILES_MAX {
                self.full = true;
            } else if rules.len() > DEPTH_MAX {
                self.deep += 1;
            } else {
                self.folder(root, &format!("{path}/"), rules);
            }
        }
        rules.pop();
    }
}

/// Whether the nearest `.gitignore` with a rule about `path` leaves it out.
fn ignored(rules: &[(usize, Ignored)], path: &str, folder: bool) -> bool {
    let decided = |(above, rules): &(usize, Ignored)| rules.decides(&path[*above..], folder);
    rules.iter().rev().find_map(decided).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_project_s_own_files_are_listed() {
        let folder = project(&[
            (".gitignore", "/out/\n*.pyc\n"),
            ("b.py", ""),
            ("a/out/c.py", ""),
            ("a/.gitignore", "d.py\n"),
            ("a/d.py", ""),
            ("a/e.pyc", ""),
            ("out/f.py", ""),
            (".git/config", ""),
            (".github/workflows/ci.yml", ""),
            ("node_modules/x/index.js", ""),
            ("env/pyvenv.cfg", ""),
            ("env/lib/test_x.py", ""),
            ("target/CACHEDIR.TAG", ""),
            ("target/x.rs", ""),
        ]);
        let tree = tree(folder.path());
        let expect = [".github/workflows/ci.yml", ".gitignore", "a/.gitignore", "a/out/c.py", "b.py"];
        assert_eq!(tree.files, expect);
        assert!(tree.missing.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_and_depth_is_bounded() {
        let deep = format!("{}x.py", "d/".repeat(DEPTH_MAX + 3));
        let folder = project(&[(&deep, ""), ("a/x.py", "")]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/again")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("a/x.py"), folder.path().join("y.py")).unwrap();
        let tree = tree(folder.path());
        assert_eq!(tree.files, ["a/x.py"]);
        assert_eq!(tree.missing, ["1 folder too deep"]);
    }
}
