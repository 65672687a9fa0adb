"""BibTeX of the papers behind the baselines, offered to pages under `demogen.bibliography`."""

BIBTEX = {
    "jiang2020": """@inproceedings{jiang2020,
  title = {Fantastic Generalization Measures and Where to Find Them},
  author = {Jiang, Yiding and Neyshabur, Behnam and Mobahi, Hossein and Krishnan, Dilip and
            Bengio, Samy},
  booktitle = {International Conference on Learning Representations},
  year = {2020}
}""",
    "dziugaite2020": """@inproceedings{dziugaite2020,
  title = {In Search of Robust Measures of Generalization},
  author = {Dziugaite, Gintare Karolina and Drouin, Alexandre and Neal, Brady and
            Rajkumar, Nitarshan and Caballero, Ethan and Wang, Linbo and Mitliagkas, Ioannis and
            Roy, Daniel M.},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2020}
}""",
    "martin2021": """@article{martin2021,
  title = {Predicting Trends in the Quality of State-of-the-Art Neural Networks without Access to
           Training or Testing Data},
  author = {Martin, Charles H. and Peng, Tongsu and Mahoney, Michael W.},
  journal = {Nature Communications},
  volume = {12},
  year = {2021}
}""",
    "jiang2022": """@inproceedings{jiang2022,
  title = {Assessing Generalization of {SGD} via Disagreement},
  author = {Jiang, Yiding and Nagarajan, Vaishnavh and Baek, Christina and Kolter, J. Zico},
  booktitle = {International Conference on Learning Representations},
  year = {2022}
}""",
    "garg2022": """@inproceedings{garg2022,
  title = {Leveraging Unlabeled Data to Predict Out-of-Distribution Performance},
  author = {Garg, Saurabh and Balakrishnan, Sivaraman and Lipton, Zachary C. and
            Neyshabur, Behnam and Sedghi, Hanie},
  booktitle = {International Conference on Learning Representations},
  year = {2022}
}""",
    "guillory2021": """@inproceedings{guillory2021,
  title = {Predicting with Confidence on Unseen Distributions},
  author = {Guillory, Devin and Shankar, Vaishaal and Ebrahimi, Sayna and Darrell, Trevor and
            Schmidt, Ludwig},
  booktitle = {International Conference on Computer Vision},
  year = {2021}
}""",
    "deng2022": """@inproceedings{deng2022,
  title = {On the Strong Correlation Between Model Invariance and Generalization},
  author = {Deng, Weijian and Gould, Stephen and Zheng, Liang},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022}
}""",
    "natekar2020": """@misc{natekar2020,
  title = {Representation Based Complexity Measures for Predicting Generalization in Deep Learning},
  author = {Natekar, Parth and Sharma, Manik},
  note = {arXiv:2012.02775},
  year = {2020}
}""",
    "chuang2021": """@inproceedings{chuang2021,
  title = {Measuring Generalization with Optimal Transport},
  author = {Chuang, Ching-Yao and Mroueh, Youssef and Greenewald, Kristjan and Torralba, Antonio and
            Jegelka, Stefanie},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2021}
}""",
    "lassance2020": """@misc{lassance2020,
  title = {Ranking Deep Learning Generalization Using Label Variation in Latent Geometry Graphs},
  author = {Lassance, Carlos and B{\\'e}thune, Louis and Bontonou, Myriam and Hamidouche, Mounia and
            Gripon, Vincent},
  note = {arXiv:2011.12737},
  year = {2020}
}""",
    "unterthiner2020": """@misc{unterthiner2020,
  title = {Predicting Neural Network Accuracy from Weights},
  author = {Unterthiner, Thomas and Keysers, Daniel and Gelly, Sylvain and Bousquet, Olivier and
            Tolstikhin, Ilya},
  year = {2020}
}""",
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
    "bartlett2017": """@inproceedings{bartlett2017,
  title = {Spectrally-Normalized Margin Bounds for Neural Networks},
  author = {Bartlett, Peter L. and Foster, Dylan J. and Telgarsky, Matus},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2017}
}""",
    "sokolic2016": """@misc{sokolic2016,
  title = {Robust Large Margin Deep Neural Networks},
  author = {Sokoli{\\'c}, Jure and Giryes, Raja and Sapiro, Guillermo and
            Rodrigues, Miguel R. D.},
  note = {Published in IEEE Transactions on Signal Processing 65(16), 4265--4280, 2017},
  year = {2016}
}""",
    "elsayed2018": """@inproceedings{elsayed2018,
  title = {Large Margin Deep Networks for Classification},
  author = {Elsayed, Gamaleldin F. and Krishnan, Dilip and Mobahi, Hossein and Regan, Kevin and
            Bengio, Samy},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2018}
}""",
}
"""Paper → BibTeX; the keys are what `Predictor.paper` holds."""
