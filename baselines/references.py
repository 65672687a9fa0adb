"""The papers behind the baselines, as BibTeX entries under the short names used everywhere here."""

BIBTEX = {
    "jiang2019": """@inproceedings{jiang2019,
  title = {Predicting the Generalization Gap in Deep Networks with Margin Distributions},
  author = {Jiang, Yiding and Krishnan, Dilip and Mobahi, Hossein and Bengio, Samy},
  booktitle = {International Conference on Learning Representations},
  year = {2019}
}""",
    "zhao2021": """@misc{zhao2021,
  title = {Estimating the Generalization in Deep Neural Networks via Sparsity},
  author = {Zhao, Yang and Zhang, Hao and Hu, Xiuyuan},
  year = {2021}
}""",
    "liao2018": """@misc{liao2018,
  title = {Classical Generalization Bounds Are Surprisingly Tight for Deep Networks},
  author = {Liao, Qianli and Miranda, Brando and Banburski, Andrzej and Hidary, Jack and
            Poggio, Tomaso},
  year = {2018}
}""",
    "puzzles2019": """@misc{puzzles2019,
  title = {Generalization Puzzles in Deep Networks},
  author = {{Anonymous}},
  note = {The later version of liao2018, under double-blind review},
  year = {2019}
}""",
    "novak2018": """@inproceedings{novak2018,
  title = {Sensitivity and Generalization in Neural Networks: an Empirical Study},
  author = {Novak, Roman and Bahri, Yasaman and Abolafia, Daniel A. and Pennington, Jeffrey and
            Sohl-Dickstein, Jascha},
  booktitle = {International Conference on Learning Representations},
  year = {2018}
}""",
}
"""Paper → BibTeX; the keys are what `Predictor.paper` holds."""
