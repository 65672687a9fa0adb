import json

from demogen.networks.network import Access
from leaderboard.submissions.rerun_export import export_networks


def test_only_what_the_access_declares_is_written(tiny_zoo, tmp_path):
    """What the folder holds: no id, nothing of training, no test images if not declared."""
    ids = tiny_zoo.ids[:3]
    exported = export_networks(tiny_zoo, ids, Access.TRAIN, tmp_path)
    for id, files in exported.items():
        assert id not in files.model_dump_json()
        assert (files.test_inputs, files.initial) == (None, None)
        spec = json.loads(files.spec)
        assert spec["training"] == type(tiny_zoo.record(id).spec.training)().model_dump(mode="json")
        assert spec["data"]["corruption"] == 0
    named = {
        name
        for files in exported.values()
        for name in files.model_dump(exclude={"missing"}).values()
    }
    assert {path.name for path in tmp_path.iterdir()} <= named
    whole = export_networks(tiny_zoo, ids[:1], ~Access.NONE, tmp_path)[ids[0]]
    assert json.loads(whole.spec) == tiny_zoo.record(ids[0]).spec.model_dump(mode="json")
