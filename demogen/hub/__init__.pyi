from .download import pull as pull
from .download import resolve as resolve
from .publishing import Published as Published
from .publishing import push as push
from .pull_requests import Proposal as Proposal
from .pull_requests import propose as propose
from .storage import HubStorage as HubStorage
