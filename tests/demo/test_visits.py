"""What a visitor leaves is deleted when he goes, and nothing of another."""

from mmfld.demo.visits import Visits


def test_files_of_a_visitor_go_when_he_leaves(tmp_path):
    visits, upload = Visits(tmp_path), tmp_path / 'a.png'
    upload.touch()
    folder = visits.results('one', upload)
    (folder / 'a.json').touch()
    other = visits.results('other', tmp_path / 'b.png')
    visits.leave('one')
    assert list(tmp_path.iterdir()) == [other]
    visits.leave('one')  # who has left nothing


def test_a_file_of_two_visitors_stays_until_both_have_left(tmp_path):
    visits, upload = Visits(tmp_path), tmp_path / 'a.png'
    upload.touch()
    folders = [visits.results(visitor, upload) for visitor in ('one', 'other')]
    visits.leave('one')
    assert upload.exists() and not folders[0].exists() and folders[1].exists()
    visits.leave('other')
    assert list(tmp_path.iterdir()) == []
