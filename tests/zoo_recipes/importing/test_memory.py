import pytest

from zoo_recipes.importing.memory import MOST_KEPT, Copies, Memory, aligned


def test_a_thread_gets_the_same_memory_again():
    memory = Memory()
    first = memory.piece(0, 10)
    first[:] = bytes(range(10))
    assert memory.piece(0, 4).tobytes() == bytes(range(4))
    other = memory.piece(1, 10)
    other[:] = bytes(10)
    assert first.tobytes() == bytes(range(10))
    assert len(memory.piece(0, 20)) == 20
    assert len(memory.piece(2, 0)) == 0


@pytest.mark.parametrize("size", [1, 100, 5_000_000])
def test_pieces_begin_where_copying_is_fast(size):
    assert aligned(size).ctypes.data % 64 == 0
    assert len(aligned(size)) == size


def test_a_copy_is_its_own_until_it_is_given_back():
    copies = Copies()
    content = bytearray(b"abcd")
    first, second = copies.copy(memoryview(content)), copies.copy(memoryview(content))
    content[:] = b"wxyz"
    assert (first.tobytes(), second.tobytes()) == (b"abcd", b"abcd")
    place = first.obj
    copies.give_back(first)
    with pytest.raises(ValueError, match="released"):
        first.tobytes()
    again = copies.copy(memoryview(content)[:3])
    assert again.obj is place
    assert (again.tobytes(), second.tobytes()) == (b"wxy", b"abcd")


def test_what_is_much_too_large_or_too_many_is_not_kept():
    copies = Copies()
    large = copies.copy(memoryview(bytes(100)))
    place = large.obj
    copies.give_back(large)
    assert copies.copy(memoryview(bytes(49))).obj is not place
    assert copies.copy(memoryview(bytes(50))).obj is place
    for view in [copies.copy(memoryview(bytes(8))) for _ in range(2 * MOST_KEPT)]:
        copies.give_back(view)
    assert len(copies._free) == MOST_KEPT
