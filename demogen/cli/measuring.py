"""Commands `predictors`, `measure`, `fit` and `predict`, which import late."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from demogen import cli_options as options
from demogen._util.reporting import note, shows_progress, tell, tell_meanwhile
from demogen._util.text import say, say_table
from demogen._util.writable import check_can_write
from demogen.errors import naming
from demogen.format.printing import chosen_format, frame_bytes, print_frame

if TYPE_CHECKING:
    from demogen.measuring.options import MeasuringOptions


@click.command()
@click.argument("names", nargs=-1, metavar="[PREDICTOR]...")
@options.output_format()
def predictors(names: tuple[str, ...], output_format: str | None) -> None:
    """List the installed predictors: paper, what each reads, costs and applies to.

    Only those named by PREDICTOR, if any; a single one is described in full, unless --format asks
    for its row.

    \b
    Example:
      demogen predictors
      demogen predictors unit-sparsity
      demogen predictors --format csv
    """
    from demogen.description import describe_predictor, predictor_table
    from demogen.measuring.named_predictors import predictor_named
    from demogen.measuring.predictor import list_predictors

    listed = [predictor_named(name) for name in names or list_predictors()]
    if len(listed) == 1 and output_format is None:
        say(describe_predictor(listed[0]))
    else:
        print_frame(predictor_table(listed), output_format)


@click.command()
@click.argument("names", nargs=-1, metavar="[PREDICTOR]...")
@options.zoos_to_read()
@options.part
@options.measuring
@click.option("--csv", type=click.Path(path_type=Path), help="Write all signatures to this file.")
@options.output_format("Print all signatures, in this format; without it only what was measured.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what would be measured, its passes, operations and seconds, and stop.",
)
@options.quiet
@click.option("--list", "list_only", is_flag=True, hidden=True)
@click.pass_context
def measure(
    context: click.Context,
    names: tuple[str, ...],
    zoos: tuple[str, ...],
    revision: str | None,
    images: Path | None,
    where: tuple[str, ...],
    limit: int | None,
    csv: Path | None,
    output_format: str | None,
    dry_run: bool,
    list_only: bool,
    **running: "Unpack[MeasuringOptions]",
) -> None:
    """Measure the networks of a zoo: compute the numbers that predictors start from.

    PREDICTOR is an installed name, which `demogen predictors` lists, module:attribute, or
    file.py:attribute; without one, the measures of all installed ones are computed. The numbers of
    a network, its signature, are kept: what is known is not computed again, and an interrupted run
    goes on.

    \b
    Example:
      demogen measure margin-quartiles-log unit-sparsity --zoo digits --workers 2
      demogen measure unit-sparsity --zoo digits --zoo owner/name@v1 --csv signatures.csv
      demogen measure mine.py:MINE --zoo digits --format json
      demogen measure jacobian-norm --zoo digits --image-limit 100
      demogen measure --zoo digits --dry-run
    """
    if list_only:
        context.invoke(predictors, names=names, output_format=output_format)
        return
    from demogen.measuring.expected_cost import cost_table, expected_costs, total
    from demogen.measuring.measurements import measure_all
    from demogen.measuring.named_predictors import predictor_named
    from demogen.measuring.predictor import list_predictors
    from demogen.measuring.signature_tables import signature_table, summary
    from demogen.zoo.part import part_asked
    from demogen.zoo.pool import open_zoos

    printed = output_format and chosen_format(output_format)
    chosen = [predictor_named(name) for name in names or list_predictors()]
    if not zoos:
        raise click.UsageError("which zoo? give --zoo NAME, a folder or OWNER/NAME")
    if csv is not None:
        check_can_write(csv)
    measures = [predictor.measure for predictor in chosen]
    running["progress"] = shows_progress()
    zoo = part_asked(open_zoos(zoos, revision, images=images), where, limit)
    if dry_run:
        costs = expected_costs(measures, zoo, running["cache"], running["image_limit"])
        print_frame(cost_table(costs), output_format)
        note(total(costs))
        return
    results = measure_all(measures, zoo, **running)
    # Where the table itself goes to standard output, nothing else may.
    show = note if printed else say
    for predictor, result in zip(chosen, results, strict=True):
        show(summary(predictor.name, result))
    if csv is not None:
        with naming(csv):
            csv.write_bytes(frame_bytes(signature_table(results, zoo), "csv"))
        show(f"signatures: {csv}")
    if printed:
        say_table(frame_bytes(signature_table(results, zoo), printed), printed)


@click.command()
@click.argument("name", metavar="PREDICTOR")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FITTED")
@options.zoos_to_read(required=True)
@click.option("--split", help="Split whose folds give the residuals for intervals.")
@options.measuring
@options.outcome
def fit(
    name: str,
    file: Path,
    zoos: tuple[str, ...],
    revision: str | None,
    images: Path | None,
    split: str | None,
    **running: "Unpack[MeasuringOptions]",
) -> None:
    """Fit PREDICTOR to the gaps of a zoo and write it to FITTED, for `demogen predict`.

    PREDICTOR is an installed name, module:attribute, or file.py:attribute.

    \b
    Example:
      demogen fit margin-quartiles-log fitted.json --zoo digits
      demogen fit mine.py:MINE fitted.json --zoo digits --workers 2
    """
    from demogen.measuring import fitted_predictor
    from demogen.measuring.named_predictors import predictor_named
    from demogen.zoo.pool import open_zoos

    chosen = predictor_named(name)
    check_can_write(file)
    running["progress"] = shows_progress()
    opened = open_zoos(zoos, revision, images=images)
    fitted = fitted_predictor.fit(chosen, opened, split=split, **running)
    fitted.save(file)
    tell(
        f"{fitted}\nfitted predictor: {file}",
        file=file,
        predictor=chosen.name,
        zoo=opened.name,
        zoo_digest=opened.digest,
        networks=len(fitted.file.networks),
        split=fitted.file.split,
        coverage=vars(fitted.coverage()),
    )


@click.command()
@click.argument("fitted", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("weights", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--network", "maker", required=True, help="What makes the network: file.py:NAME or module:NAME."
)
@click.option(
    "--train", required=True, help="The images and labels it was trained on: file.py:NAME."
)
@click.option("--test-inputs", help="Test images, as --train; labels are not read.")
@click.option(
    "--initial",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Weights before training, for measures that compare with them.",
)
@click.option(
    "--level", type=float, default=0.9, show_default=True, help="Share that intervals are to hold."
)
@click.option(
    "--predictor", help="What was fitted, if it is not installed: file.py:NAME or module:NAME."
)
@options.device
@options.batch_size
@options.outcome
def predict(
    fitted: Path,
    weights: tuple[Path, ...],
    maker: str,
    train: str,
    predictor: str | None,
    level: float,
    device: str,
    **settings: Any,
) -> None:
    """Predict the gap of networks of your own, by what `demogen fit` wrote to FITTED.

    WEIGHTS are safetensors files of the network's state_dict. The network's NAME is a function or
    class that makes it; that of data is a Dataset, a DataLoader, a pair of images and labels, or a
    function that gives one. The code that they name is run.

    \b
    Example:
      demogen predict fitted.json a.safetensors --network net.py:Net --train net.py:train_set
    """
    from demogen.measuring.fitted_predictor import FittedPredictor
    from demogen.measuring.named_predictors import predictor_named
    from demogen.networks.devices import find_device
    from demogen.own_files import predictions

    find_device(device)
    chosen = None if predictor is None else predictor_named(predictor)
    loaded = FittedPredictor.load(fitted, chosen)
    covered = loaded.coverage(level)
    tell_meanwhile(f"{loaded.file.predictor} fitted to {loaded.file.zoo}: {covered}")
    settings |= {"level": level, "device": device}
    for path, prediction in predictions(loaded, weights, maker, train, **settings):
        tell(f"{path}: {prediction}", weights=path, **vars(prediction))
