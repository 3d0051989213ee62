"""MLflow never costs a training run, and no run of its own stays open."""

import pytest
from ignite.engine import Engine, Events

from monai_attn.errors import TrainingInterrupted
from monai_attn.handlers import RobustMLFlowHandler
from tests.conftest import Bundle

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SQLAlchemy's, about what MLflow calls
mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def handler(tmp_path):
    return RobustMLFlowHandler(
        tracking_uri=f"sqlite:///{tmp_path}/mlruns.db",
        experiment_name="test",
        run_name="run",
        iteration_log=False,
        close_on_complete=True,
    )


def status(tmp_path) -> str:
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlruns.db")
    (run,) = client.search_runs(client.get_experiment_by_name("test").experiment_id)
    return run.info.status


def engine_with(handler) -> Engine:
    engine = Engine(lambda *_: None)
    handler.attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda e: e.state.metrics.update(loss=1.0))
    return engine


def test_a_full_disk_is_one_warning_and_the_training_goes_on(handler, tmp_path, monkeypatch, caplog):
    class FullError(Exception):
        pass

    def log_batch(**options):
        if options["metrics"]:
            raise FullError(
                "(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT INTO metrics ...]\n(Background)"
            )

    engine = engine_with(handler)
    monkeypatch.setattr(handler.client, "log_batch", log_batch)
    engine.run([0], max_epochs=3)
    assert engine.state.epoch == 3
    (record,) = [record for record in caplog.records if record.name == "monai_attn.handlers._mlflow"]
    assert "takes no more ((sqlite3.OperationalError) database or disk is full): the training goes on" in record.message
    assert "SQL:" not in record.message


def test_at_the_start_it_is_an_error_of_one_line(handler, monkeypatch):
    def get_experiment_by_name(_name):
        raise OSError("disk is full\nmore")

    monkeypatch.setattr(handler.client, "get_experiment_by_name", get_experiment_by_name)
    with pytest.raises(ValueError, match=r"^MLflow at 'sqlite:.*' cannot be used \(disk is full\): set another"):
        handler.start(Engine(lambda *_: None))


@pytest.mark.parametrize(
    ("error", "expected"),
    [(TrainingInterrupted("SIGTERM", 15), "KILLED"), (FloatingPointError("NaN"), "FAILED"), (None, "FINISHED")],
)
def test_however_a_training_ends_its_run_is_closed(small: Bundle, slices, tmp_path, monkeypatch, error, expected):
    import monai_attn.handlers._nan_guard as guard

    def fail(*_):
        if error is not None:
            raise error

    monkeypatch.setattr(guard.StopOnBadLoss, "_check_loss", fail)
    options = {"tracking_uri": f"sqlite:///{tmp_path}/mlruns.db", "experiment_name": "test", "device": "cpu"}
    arguments = {"dataset_dir": str(slices), "output_dir": str(tmp_path / "run"), "max_epochs": 1, **options}
    if error is None:
        small.run("train", "tracking_mlflow", **arguments)
    else:
        with pytest.raises((type(error), RuntimeError)):
            small.run("train", "tracking_mlflow", **arguments)
    assert status(tmp_path) == expected
