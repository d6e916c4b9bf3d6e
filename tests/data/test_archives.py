import gzip
import io
import tarfile

import numpy as np
import pytest

from regen.data.archives import LARGEST, read_members
from regen.errors import InputError

NOISE = np.random.default_rng(4).integers(0, 256, 3000, np.uint8).tobytes()
MEMBERS = {f"set/{number}.bin": NOISE[: 600 * number] for number in range(1, 6)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "set.tgz"


def everything(_name):
    return True


def read(path):
    return dict(read_members(path, everything))


def packed(*infos):
    """Return a .tar.gz of members without content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return file.getvalue()


def info(name, kind=tarfile.REGTYPE, size=0, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, target
    return member


def test_members_come_in_order_and_whole(path, tgz):
    path.write_bytes(tgz(MEMBERS))
    assert list(read_members(path, everything)) == list(MEMBERS.items())


def test_only_what_is_wanted_comes(path, tgz):
    path.write_bytes(tgz(MEMBERS))
    assert dict(read_members(path, lambda name: "3" in name)) == {"set/3.bin": MEMBERS["set/3.bin"]}


def test_folders_and_dots_are_no_matter(path):
    path.write_bytes(packed(info("./set", tarfile.DIRTYPE), info("./set/one"), info("set", tarfile.DIRTYPE)))
    assert read(path) == {"set/one": b""}


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (info("../evil"), "'../evil': its name leads out of the archive"),
        (info("set/../../evil"), "'set/../../evil': its name leads out"),
        (info("/etc/evil"), "'/etc/evil': its name leads out"),
        (info("set/link", tarfile.SYMTYPE, target="/etc/passwd"), "'set/link': neither a file nor a folder"),
        (info("set/hard", tarfile.LNKTYPE, target="set/one"), "'set/hard': neither a file nor a folder"),
        (info("set/device", tarfile.CHRTYPE), "'set/device': neither a file nor a folder"),
        (info("set/pipe", tarfile.FIFOTYPE), "'set/pipe': neither a file nor a folder"),
        (info("set/one"), "'set/one': duplicate member"),
        (info("./set/one"), "'./set/one': duplicate member"),
        (info("set/two\nlines", tarfile.FIFOTYPE), r"'set/two\nlines': neither"),
    ],
)
def test_a_member_that_may_not_be_there_is_refused_even_unwanted(path, member, message):
    path.write_bytes(packed(info("set/one"), member, info("set/two")))
    with pytest.raises(InputError) as caught:
        list(read_members(path, lambda _: False))
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_member_too_large_is_refused_unread(path):
    path.write_bytes(gzip.compress(info("set/zeros", size=LARGEST + 1).tobuf(), 1))
    with pytest.raises(InputError, match=r"'set/zeros': 67,108,865 bytes, more than the 67,108,864 allowed"):
        read(path)


def test_nothing_is_written(path, tgz, monkeypatch, tmp_path):
    path.write_bytes(tgz(MEMBERS))
    monkeypatch.chdir(tmp_path)
    read(path)
    assert list(tmp_path.rglob("*")) == [path]


@pytest.mark.parametrize("part", np.linspace(0, 0.99, 12))
def test_an_archive_cut_off_anywhere_is_damaged(path, tgz, part):
    whole = tgz(MEMBERS)
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(InputError, match=rf"^{path}: (damaged or cut off at|cannot be read as \.tar\.gz: )"):
        read(path)


# cut off where a header starts, a tar file is one without the zeros at its end, which are optional
@pytest.mark.parametrize("size", [1, 511, 512, 600, 1540, 1600, 2048, 3000])
def test_a_tar_file_cut_off_before_it_was_compressed_is_damaged(path, tgz, size):
    path.write_bytes(gzip.compress(gzip.decompress(tgz(MEMBERS))[:size]))
    with pytest.raises(InputError, match=f"^{path}: "):
        read(path)


def test_damage_names_the_last_member_that_was_there(path, tgz):
    raw = bytearray(gzip.decompress(tgz(MEMBERS)))
    raw[raw.index(b"set/4.bin")] ^= 1  # so that the header's checksum is wrong
    path.write_bytes(gzip.compress(raw))
    with pytest.raises(InputError, match=r"damaged or cut off at 'set/3\.bin' or after it: bad checksum"):
        read(path)


def test_wrong_bytes_are_noticed_by_the_checksum_at_the_end(path, tgz):
    raw = bytearray(tgz(MEMBERS))
    raw[-8] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="CRC check failed"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>not found</html>", gzip.compress(b"no tar" * 200)],
    ids=["empty", "a page", "no tar"],  # of the same name in each worker, whatever gzip says of the time
)
def test_what_is_no_archive_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path}: cannot be read as .tar.gz: "):
        read(path)


def test_an_absent_archive_is_named(path):
    with pytest.raises(InputError, match=f"^{path}: cannot be read as .tar.gz: .*No such file"):
        read(path)
