use super::*;
use crate::catalog::samples::{headers, route, snapshot};

fn token() -> Secret<String> {
    Secret::new("a-gateway-token-of-good-length".to_owned())
}

fn kept() -> Snapshot {
    let mut secretive = route("/a", "http://h:1/");
    secretive.headers = headers(&[("X-Key", "s3cret-value")]);
    snapshot("c1", 7, [secretive, route("/b", "http://h:2/")])
}

#[test]
fn what_was_saved_is_loaded_and_only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path().join("data/snapshot"), token(), 1 << 20);
    assert!(disk.load().unwrap().is_none());
    disk.save(&kept()).unwrap();
    let newer = Snapshot {
        revision: crate::domain::ids::Revision(8),
        ..kept()
    };
    disk.save(&newer).unwrap();
    let loaded = disk.load().unwrap().unwrap();
    assert_eq!(*loaded.snapshot, newer);
    assert!(loaded.written_at > Timestamp::from_unix(1_700_000_000));
    let mode = fs::metadata(disk.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(disk.file().parent().unwrap())
        .unwrap()
        .collect();
    assert_eq!(names.len(), 1, "nothing is left beside it");
    let raw = fs::read(disk.file()).unwrap();
    assert!(!String::from_utf8_lossy(&raw).contains("s3cret-value"));
}

#[test]
fn every_damage_is_ignored_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot");
    let disk = Disk::new(&file, token(), 1 << 20);
    disk.save(&kept()).unwrap();
    let good = fs::read(&file).unwrap();
    let mut damaged: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\n".to_vec(),
        b"{}".to_vec(),
        b"<html>not here</html>".to_vec(),
        vec![0; 4096],
        vec![0xff; 100],
        [&*good, &*good].concat(),
        Codec::new(token())
            .heartbeat(&wire::Position::of(&kept()))
            .unwrap()
            .to_vec(),
        Codec::new(token())
            .delta(&kept(), &kept())
            .unwrap()
            .to_vec(),
    ];
    damaged.extend(
        (0..good.len() - 1)
            .step_by(7)
            .map(|end| good[..end].to_vec()),
    );
    for at in (0..good.len() - 1).step_by(5) {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        damaged.push(flipped);
    }
    for content in damaged {
        fs::write(&file, &content).unwrap();
        let error = disk.load().unwrap_err();
        assert!(matches!(error, Error::Content { .. }), "{error}");
        assert!(error.to_string().contains("ignored"));
    }
    fs::write(&file, &good).unwrap();
    assert!(disk.load().unwrap().is_some());
    let foreign = Disk::new(&file, Secret::new("another token".to_owned()), 1 << 20);
    assert!(matches!(
        foreign.load(),
        Err(Error::Content {
            source: wire::Error::Mac,
            ..
        })
    ));
    let small = Disk::new(&file, token(), good.len() - 1);
    assert!(matches!(small.load(), Err(Error::TooLarge { .. })));
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path(), token(), 1 << 20);
    assert!(
        disk.load()
            .unwrap_err()
            .to_string()
            .contains("check the folder's owner")
    );
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let disk = Disk::new(file.join("snapshot"), token(), 1 << 20);
    assert!(disk.save(&kept()).is_err());
}

#[test]
fn a_failed_write_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path().join("snapshot"), token(), 1 << 20);
    disk.save(&kept()).unwrap();
    fs::create_dir(folder.path().join("snapshot.tmp")).unwrap();
    let newer = Snapshot {
        revision: crate::domain::ids::Revision(8),
        ..kept()
    };
    assert!(disk.save(&newer).is_err());
    assert_eq!(*disk.load().unwrap().unwrap().snapshot, kept());
}
