//! A log file that starts anew when it is large: `x.log` becomes `x.log.1`, that `x.log.2`, …

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file of bounded size, with a bounded number of predecessors.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    size: usize,
    limit: usize,
    kept: usize,
}

impl RotatingFile {
    /// Opens the file for appending.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(path: &Path, limit: usize, kept: usize) -> io::Result<Self> {
        let file = append_to(path)?;
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            limit,
            kept,
        })
    }

    /// Moves the file and its predecessors on by one and starts anew.
    fn rotate(&mut self) -> io::Result<()> {
        if self.kept == 0 {
            self.file.set_len(0)?;
        } else {
            for number in (1..self.kept).rev() {
                // A predecessor that is not there yet has nothing to move.
                let _ = std::fs::rename(self.numbered(number), self.numbered(number + 1));
            }
            std::fs::rename(&self.path, self.numbered(1))?;
            self.file = append_to(&self.path)?;
        }
        self.size = 0;
        Ok(())
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size > 0 && self.size.saturating_add(bytes.len()) > self.limit {
            // When it cannot be moved, too long a file is better than no log.
            let _ = self.rotate();
        }
        let written = self.file.write(bytes)?;
        self.size = self.size.saturating_add(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o640);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn keeps_as_many_predecessors_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut file = RotatingFile::open(&path, 10, 2).unwrap();
        for line in ["first!!\n", "second!\n", "third!!\n", "fourth!\n"] {
            file.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(read(&path), "fourth!\n");
        assert_eq!(read(&folder.path().join("x.log.1")), "third!!\n");
        assert_eq!(read(&folder.path().join("x.log.2")), "second!\n");
        assert!(!folder.path().join("x.log.3").exists());
    }

    #[test]
    fn goes_on_where_an_earlier_process_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        RotatingFile::open(&path, 10, 1)
            .unwrap()
            .write_all(b"12345678")
            .unwrap();
        RotatingFile::open(&path, 10, 1)
            .unwrap()
            .write_all(b"9ab")
            .unwrap();
        assert_eq!(read(&path), "9ab");
        assert_eq!(read(&folder.path().join("x.log.1")), "12345678");
    }

    #[test]
    fn with_no_predecessors_the_file_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut file = RotatingFile::open(&path, 4, 0).unwrap();
        file.write_all(b"abc").unwrap();
        file.write_all(b"def").unwrap();
        assert_eq!(read(&path), "def");
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RotatingFile::open(&folder.path().join("none/x.log"), 4, 0).is_err());
    }
}
