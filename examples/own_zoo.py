"""A zoo of your own: a recipe, its networks, and the folder that others read.

demogen train own-mlps.toml --folder zoos/own-mlps      does the same from a shell
demogen push zoos/own-mlps owner/own-mlps --tag v1      publishes it on the Hub
"""

from pathlib import Path

import demogen
import zoo_recipes

# What varies stands in [grid]; docs/recipes.md explains the rest, docs/columns.md every setting.
RECIPE = """
name = "own-mlps"
summary = "an example: how far do labels and width decide the gap?"
repository = "owner/own-mlps"
copies = 4

[paper]
key = "none"
title = "None: an example"
section = "-"

[architecture]
family = "mlp"
depth = 2

[data]
images = "digits"
train_size = 200

[training]
optimizer = "adam"
learning_rate = 0.003
batch_size = 20
epochs = 40

[grid]
width = [50, 100, 200]
corruption = [0.0, 0.5]
"""

if __name__ == "__main__":
    Path("own-mlps.toml").write_text(RECIPE)
    recipe = zoo_recipes.load_recipe("own-mlps.toml")
    print(f"{recipe.count} networks, the first {recipe.networks()[0].id}")
    # Safe to stop: run again, it trains what is missing. Same recipe, same machine, same bytes.
    zoo_recipes.build_zoo(recipe, "zoos/own-mlps")
    zoo = demogen.load_zoo("zoos/own-mlps")
    zoo.verify()
    print(zoo.table.groupby("corruption")["gap"].mean().round(2).to_string())
    print(f"splits: {', '.join(sorted(zoo.splits))}")
