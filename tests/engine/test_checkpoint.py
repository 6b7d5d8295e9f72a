"""What should be a checkpoint and is something else is named, and none of it runs."""

import zipfile

import pytest
import torch

from mmfld.engine.checkpoint import read_checkpoint

TENSORS = {'head.weight': torch.arange(6.0).view(2, 3), 'head.steps': torch.tensor(3)}


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'a.pth'


@pytest.mark.parametrize('content', [TENSORS, dict(state_dict=TENSORS, meta=dict(epoch=3))], ids=['bare', 'whole'])
@pytest.mark.parametrize('is_zip', [True, False])
def test_checkpoints_are_read(path, content, is_zip):
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    found = read_checkpoint(path)
    assert found.keys() == content.keys()
    assert torch.equal(found.get('state_dict', found)['head.weight'], TENSORS['head.weight'])


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'found an empty file, expected a checkpoint'),
        (
            b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n',
            'found a pointer of git-lfs, .* pull',
        ),
        (b'hello world', "found a file that begins with 'hello world', expected a checkpoint"),
        (b'<!DOCTYPE html>\n<html>404', "found a file that begins with '<!DOCTYPE html>', expected a checkpoint"),
        (b'\xff\xd8\xff\xe0 picture', 'found a file that begins with FF D8 FF E0 20 70 69 63, expected a checkpoint'),
        (b'e' + bytes(50), 'found a file that begins with 65 00 .*, expected a checkpoint'),
        (b'PK\x03\x04 and no more', 'found 16 bytes of a checkpoint that is cut off or damaged'),
    ],
    ids=['empty', 'pointer', 'text', 'html', 'picture', 'zeros', 'zip'],
)
def test_other_files_are_named(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'^{path}: {message}') as error:
        read_checkpoint(path)
    assert 'weights_only' not in str(error.value)


@pytest.mark.parametrize(
    'content, message',
    [
        ([1, 2], 'found a list without tensors'),
        (dict(a=1), 'found the fields a'),
        (dict(state_dict=5), 'found a int without tensors'),
        (torch.zeros(3), 'found a Tensor without tensors'),
        (
            dict(state_dict=dict(TENSORS, **{'head.bias': torch.tensor([1, float('nan')])})),
            r'found numbers that are not finite in 1 of 3 tensors \(head.bias\)',
        ),
        (
            {f'layer{n}': torch.tensor(float('inf')) for n in range(9)},
            r'found numbers that are not finite in 9 of 9 tensors \(layer0, layer1, layer2, layer3, layer4, ...\)',
        ),
    ],
    ids=['list', 'dict', 'number', 'tensor', 'nan', 'infinite'],
)
def test_other_contents_are_named(path, content, message):
    torch.save(content, path)
    with pytest.raises(ValueError, match=f'^{path}: {message}'):
        read_checkpoint(path)


def test_a_zip_file_of_other_things(path):
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('a.txt', 'text')
    with pytest.raises(ValueError, match='a.pth: found a zip file of other things'):
        read_checkpoint(path)


def test_a_checkpoint_that_is_cut_off(path):
    torch.save(TENSORS, path)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match='a.pth: found .* bytes of a checkpoint that is cut off or damaged'):
        read_checkpoint(path)


def test_one_bit_that_is_changed(path):
    """torch does not look at checksums."""
    torch.save(TENSORS, path)
    content = bytearray(path.read_bytes())
    content[content.index(TENSORS['head.weight'].numpy().tobytes()) + 7] ^= 4
    path.write_bytes(content)
    assert not torch.equal(torch.load(path, weights_only=True)['head.weight'], TENSORS['head.weight'])
    with pytest.raises(ValueError, match='a.pth: found a damaged checkpoint: the checksum of a/data/0 is not that'):
        read_checkpoint(path)


@pytest.mark.parametrize('is_zip', [True, False])
def test_code_does_not_run(path, is_zip):
    torch.save(
        dict(state_dict=TENSORS, other=Malicious(path.with_name('ran'))), path, _use_new_zipfile_serialization=is_zip
    )
    with pytest.raises(ValueError, match='a.pth: found a Python object io.open in this checkpoint, which is not'):
        read_checkpoint(path)
    assert not path.with_name('ran').exists()


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path, tmp_path / 'gone.pth'):
        with pytest.raises(FileNotFoundError, match=f'checkpoint {path} does not exist'):
            read_checkpoint(path)
