"""Catalogue of data sets and corpora: files, mirrors, checksums.

Does not import torch, so params load fast.
"""

import re
from dataclasses import dataclass, replace

from regen.errors import InputError

ROOM = 4  # largest size of another version, relative to the official one, so that no mirror fills the disk


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    `sha256` and `size` (bytes) refer to the content. `names` are the file's names on mirrors, the usual one
    first. If `<name>.gz` is among them, the content may come gzipped and is unpacked before it is verified,
    since recompressed copies differ in their bytes.
    """

    name: str
    sha256: str
    size: int
    names: tuple[str, ...]

    @property
    def may_be_gzipped(self) -> bool:
        """Whether a gzip layer is to be removed rather than part of the content."""
        return f"{self.name}.gz" in self.names


@dataclass(frozen=True)
class DatasetEntry:
    """Description of a data set, known before it is downloaded.

    `shape` is (C, H, W). `sizes` are the numbers of images in train, valid and test; a split of size 0 does
    not exist. `classes` is None if the source has no labels. A `binary` data set has only the pixel values
    0 and 255. A data set without `files` is embedded.
    """

    shape: tuple[int, int, int]
    sizes: tuple[int, int, int]
    classes: int | None
    binary: bool = False
    files: tuple[RemoteFile, ...] = ()
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True)
class CorpusEntry:
    """Description of a corpus of sentence pairs, known before it is downloaded.

    `sizes` are the numbers of pairs in train, valid and test of the source. A corpus without `files` is
    embedded.
    """

    sizes: tuple[int, int, int]
    files: tuple[RemoteFile, ...] = ()
    mirrors: tuple[str, ...] = ()


def _usually_plain(name: str, sha256: str, size: int) -> RemoteFile:
    return RemoteFile(name, sha256, size, names=(name, f"{name}.gz"))


def _usually_gzipped(name: str, sha256: str, size: int) -> RemoteFile:
    return RemoteFile(name, sha256, size, names=(f"{name}.gz", name))


def _archive(name: str, sha256: str, size: int) -> RemoteFile:
    return RemoteFile(name, sha256, size, names=(name,))


# TensorFlow Datasets publishes the same three SHA-256s.
_BINARIZED_MNIST = DatasetEntry(
    shape=(1, 28, 28),
    sizes=(50_000, 10_000, 10_000),
    classes=None,
    binary=True,
    files=(
        _usually_plain(
            "binarized_mnist_train.amat",
            "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
            78_400_000,
        ),
        _usually_plain(
            "binarized_mnist_valid.amat",
            "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
            15_680_000,
        ),
        _usually_plain(
            "binarized_mnist_test.amat",
            "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
            15_680_000,
        ),
    ),
    mirrors=("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",),
)

_MNIST = DatasetEntry(
    shape=(1, 28, 28),
    sizes=(55_000, 5_000, 10_000),
    classes=10,
    files=(
        _usually_gzipped(
            "train-images-idx3-ubyte",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            47_040_016,
        ),
        _usually_gzipped(
            "train-labels-idx1-ubyte",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            60_008,
        ),
        _usually_gzipped(
            "t10k-images-idx3-ubyte",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            7_840_016,
        ),
        _usually_gzipped(
            "t10k-labels-idx1-ubyte",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            10_008,
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
)

# TensorFlow Datasets publishes the same SHA-256; the MD5 is that of the data set's own page.
_CIFAR10 = DatasetEntry(
    shape=(3, 32, 32),
    sizes=(50_000, 0, 10_000),
    classes=10,
    files=(
        _archive(
            "cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170_052_171,
        ),
    ),
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
)

# TensorFlow Datasets publishes the same SHA-256 and size. An older archive of the same name differs.
_IMAGENETTE = DatasetEntry(
    shape=(3, 64, 64),
    sizes=(9_469, 0, 3_925),
    classes=10,
    files=(
        _archive(
            "imagenette2-160.tgz",
            "64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
            99_003_388,
        ),
    ),
    mirrors=("https://s3.amazonaws.com/fast-ai-imageclas/",),
)

# Each digit of `digits` occurs four times in the training images, for GANs to learn from, and in the test
# images, which gives a thousand for comparison; once in the validation images, which only give means.
_DIGITS_COLOR = DatasetEntry(shape=(3, 32, 32), sizes=(4 * 1297, 250, 4 * 250), classes=10)

DATASETS = {
    "digits": DatasetEntry(shape=(1, 28, 28), sizes=(1297, 250, 250), classes=10),
    "digits_color": _DIGITS_COLOR,
    "binarized_mnist": _BINARIZED_MNIST,
    "mnist": _MNIST,
    "cifar10": _CIFAR10,
    "imagenette": _IMAGENETTE,
}

# The checksums are those of the files in the upstream repository, unpacked.
_MULTI30K = CorpusEntry(
    sizes=(29_000, 1_014, 1_000),
    files=(
        _usually_gzipped(
            "train.en", "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6", 1_801_238
        ),
        _usually_gzipped(
            "train.fr", "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d", 2_111_303
        ),
        _usually_gzipped(
            "val.en", "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227", 63_297
        ),
        _usually_gzipped(
            "val.fr", "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc", 73_924
        ),
        _usually_gzipped(
            "test_2016_flickr.en", "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182", 62_076
        ),
        _usually_gzipped(
            "test_2016_flickr.fr", "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6", 72_261
        ),
    ),
    mirrors=("https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/",),
)

CORPORA = {
    "dates": CorpusEntry(sizes=(8_000, 1_000, 1_000)),
    "multi30k": _MULTI30K,
}


def is_official(entry: DatasetEntry | CorpusEntry, sha256: str) -> bool:
    """Whether `sha256`, in capitals or not, is the catalogue's checksum of the only file."""
    return [file.sha256 for file in entry.files] == [sha256.lower()]


def with_checksum(name: str, sha256: str) -> DatasetEntry:
    """The entry of the data set `name`, with another checksum of its only file.

    Raises:
        InputError: it has several files, or none, or `sha256` is no checksum.
    """
    key, entry, checksum = f"params.yaml: data.sha256.{name}", DATASETS[name], sha256.lower()
    if not re.fullmatch("[0-9a-f]{64}", checksum):
        raise InputError(f"{key}: {sha256!r}: should be the 64 hexadecimal digits that sha256sum prints")
    if len(entry.files) != 1:
        held = f"is made of {len(entry.files)} files" if entry.files else "is embedded"
        raise InputError(f"{key}: {sha256!r}: {name} {held}; allowed for a data set of one file only")
    if is_official(entry, sha256):
        return entry
    (file,) = entry.files
    return replace(entry, files=(replace(file, sha256=checksum, size=ROOM * file.size),))
