from .base import NetworkSet as NetworkSet
from .pool import Pool as Pool
from .pool import open_zoos as open_zoos
from .publishing import push as push
from .writing import write_zoo as write_zoo
from .zoo import Zoo as Zoo
from .zoo import load_zoo as load_zoo
