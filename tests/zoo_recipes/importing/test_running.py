import threading

from tests.zoo_recipes.importing import writers
from zoo_recipes.importing import import_demogen, running

NAMES = [
    "nin_wide_0.015625x__dropout_0.0__decay_0.0_1",
    "nin_wide_0.015625x_bn_dropout_0.5_aug_decay_0.005_2",
]


def test_a_collection_is_packed_while_the_next_is_read(tmp_path, monkeypatch):
    files = writers.demogen_files(NAMES)
    files |= {
        name.replace("NIN_CIFAR10", "RESNET_CIFAR10"): content for name, content in files.items()
    }
    archive = writers.as_folder(files, tmp_path / "archive")
    pack, threads = running._pack, []
    read_on = threading.Event()

    def noted(target, *rest):
        threads.append((target.name, threading.current_thread().name))
        assert read_on.wait(60)
        return pack(target, *rest)

    attempt = running._attempt

    def seen(read, name, *rest):
        if name == "demogen/resnet32-cifar10":
            read_on.set()
        return attempt(read, name, *rest)

    monkeypatch.setattr(running, "_pack", noted)
    monkeypatch.setattr(running, "_attempt", seen)
    found, fault = import_demogen(archive, folder=tmp_path / "zoos")
    assert found.zoo.name == "nin-cifar10"
    assert len(found.zoo) == 2
    # Of the other nothing can be read, and the first is there all the same.
    assert fault.zoo is None
    assert "is no name of a network of this collection (resnet_wide_…)" in fault.fault
    assert [name for name, _ in threads] == ["nin-cifar10", "resnet32-cifar10"]
    assert threads[0][1].startswith("pack")
    assert threads[1][1] == threading.current_thread().name
    assert not list((tmp_path / "zoos").glob("*.importing"))
