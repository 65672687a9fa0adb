from .building import build_zoo as build_zoo
from .building import plan_zoo as plan_zoo
from .recipe import Recipe as Recipe
from .recipe import list_recipes as list_recipes
from .recipe import load_recipe as load_recipe
from .training import train_network as train_network
