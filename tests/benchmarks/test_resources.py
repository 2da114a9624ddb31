"""Every kernel compiles without spills, for GPUs that this machine may not have. Predictions count its bytes."""

import json
import os
import subprocess
import sys

import pytest
import triton

from benchmarks.cases import IMAP_COLUMN, Case
from benchmarks.readme import BEGIN, END, ROOT
from benchmarks.resources.gpus import attention_flops, attention_seconds
from benchmarks.resources.machine_code import global_loads, read_instructions, read_resources
from benchmarks.resources.multiprocessor import LIMITS, resident_programs
from benchmarks.resources.prediction import CLIPS, ONE_PASS, SOFT, TWO_PASSES, Prediction, table
from benchmarks.resources.traffic import accesses

KERNELS = {
    "add_map_and_moments",
    "add_maps",
    "add_similarity",
    "add_softmax",
    "attend_part",
    "merge_parts",
    "merge_surrogates",
    "moments_over_keys",
    "norm_rope",
    "part_attention",
    "part_distance",
    "part_moments",
    "peaks",
    "rank_heads",
    "variance_ratio",
}
SHARED_BYTES = {80: 163 * 1024, 89: 99 * 1024, 90: 227 * 1024, 100: 227 * 1024, 120: 99 * 1024}
NARROW = {"rank_heads"}  # it has a lane for each head
MULTIPLY = {"peaks", "add_maps", "add_map_and_moments", "attend_part", "part_attention"}


@pytest.fixture(scope="module")
def compiled():
    """Rows of each kernel of 2B and 5B on every architecture, and the launches of both.

    Compilation takes half a second for each kernel.
    """
    # In a new process, because Triton compiles nothing in a process in which it interprets.
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "benchmarks.resources", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    report = json.loads(done.stdout)
    return report["kernels"], [Prediction(**row) for row in report["launches"]]


@pytest.mark.slow
@pytest.mark.parametrize("arch", SHARED_BYTES)
def test_no_kernel_spills(arch, compiled):
    rows = [row for row in compiled[0] if row["arch"] == arch]
    assert {row["kernel"] for row in rows} == KERNELS
    assert {row["model"] for row in rows} == {"2b", "5b"}
    for row in rows:
        assert row["spills"] == 0, row
        assert 16 <= row["registers"] <= 255, row
        assert row["shared_bytes"] <= SHARED_BYTES[arch], row
        assert 0 < row["occupancy"] <= 1, row
        assert row["resident"] >= 1, row


@pytest.mark.slow
def test_tiles_are_loaded_by_16_bytes_and_multiplied_by_matrix_units(compiled):
    assert set(MULTIPLY) < {p.kernel for p in compiled[1]}
    for p in compiled[1]:
        assert p.wide_loads > 0 or p.kernel in NARROW, p
        assert bool(p.matrix_unit) == (p.kernel in MULTIPLY), p


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "variant", "case"),
    [
        *((name, TWO_PASSES, name) for name in ("qk_match", "frame_separation", "gram_column", "concept_attention")),
        ("gram_separation", ONE_PASS, "gram_separation"),
        ("gram_column", ONE_PASS, IMAP_COLUMN),
        ("soft_surrogates", SOFT, "soft_surrogates"),
    ],
)
def test_the_launches_of_an_operation_move_its_bytes_and_little_more(operation, variant, case, compiled):
    for model, layer in CLIPS.items():
        launches = [p for p in compiled[1] if (p.model, p.variant, p.operation) == (model, variant, operation)]
        least = Case(case, layer, 9, "triton").bytes_moved()
        # What is left over goes from one launch to the next. A layer's maps are those of eight of the nine keys.
        assert 0.98 * least < sum(p.bytes for p in launches) < 1.07 * least


@pytest.mark.slow
def test_one_pass_reads_the_features_once_and_the_motion_heads_again(compiled):
    for model, layer in CLIPS.items():
        of_model = [p for p in compiled[1] if p.model == model]
        two, one = (sum(p.bytes for p in of_model if p.variant == variant) for variant in (TWO_PASSES, ONE_PASS))
        features = 2 * layer.heads * layer.tokens * layer.dim
        saved = features * (1 - 5 / layer.heads)
        # Its parts are smaller, so it stores more moments; the running maps of gramcol and imap move apart.
        assert 0.85 * saved < two - one < saved


@pytest.mark.slow
def test_soft_surrogates_cost_no_launch_and_no_bytes(compiled):
    for model in CLIPS:
        hard, soft = ([p for p in compiled[1] if (p.model, p.variant) == (model, v)] for v in (TWO_PASSES, SOFT))
        assert len(soft) == len(hard)
        assert sum(p.bytes for p in soft) <= 1.01 * sum(p.bytes for p in hard)


@pytest.mark.slow
def test_time_is_bytes_over_bandwidth(compiled):
    for p in compiled[1]:
        assert p.microseconds == pytest.approx({"H100": p.bytes / 3e6, "H200": p.bytes / 4.3e6}, abs=1e-3)
        assert p.share == pytest.approx(p.bytes / 3e12 / attention_seconds(CLIPS[p.model]), abs=1e-6)
        assert p.programs > 0
        assert 0 <= p.filled <= p.occupancy


@pytest.mark.slow
def test_the_page_holds_what_is_predicted(compiled):
    page = (ROOT / "docs/performance.md").read_text("utf-8")
    _, _, rest = page.partition(BEGIN.format("predicted"))
    written, found, _ = rest.partition(END.format("predicted"))
    assert found, "docs/performance.md has lost its markers"
    if f"Triton {triton.__version__}." not in written:
        pytest.skip(f"another Triton compiled the page: {written.strip().splitlines()[-1]}")
    assert written.strip() == table(compiled[1]), "run python -m benchmarks.readme"


def test_pointers_are_followed_through_loops_to_their_arguments():
    pointers = "%index: !tt.ptr<i64>, %n: i32, %sum: !tt.ptr<f32>, %out: !tt.ptr<f32>, %unused: !tt.ptr<f32>"
    carried = "iter_args(%p = %at, %total = %zero, %q = %sum) -> (!tt.ptr<bf16>, f32, !tt.ptr<f32>)"
    loaded, stored = accesses(f"""
  tt.func public @_kernel(%rows: !tt.ptr<bf16> {{tt.divisibility = 16 : i32}}, {pointers}) {{
    %at = tt.addptr %rows, %n : !tt.ptr<bf16>, i32
    %0:3 = scf.for %i = %c0 to %n step %c1 {carried} : i32 {{
      %x = tt.load %p, %mask : !tt.ptr<bf16>
      %k = tt.load %index : !tt.ptr<i64>
      %next = tt.addptr %p, %k : !tt.ptr<bf16>, i64
      tt.store %next, %x : !tt.ptr<bf16>
      scf.yield %next, %x, %q : !tt.ptr<bf16>, f32, !tt.ptr<f32>
    }}
    %before = tt.load %out : !tt.ptr<f32>
    tt.store %out, %before : !tt.ptr<f32>
    tt.store %0#2, %0#1 : !tt.ptr<f32>
""")
    assert loaded == {"rows", "index", "out"}
    assert stored == {"rows", "out", "sum"}


def test_loads_are_counted_in_loops_or_in_a_kernel_without_one():
    def sass(last: str) -> str:
        return f"""
        /*0000*/                   LDC R1, c[0x0][0x28] ;                       /* 0x00000a00ff017b82 */
                                                                                /* 0x000fe20000000800 */
        /*0010*/              @!P4 LDG.E.128 R8, desc[UR24][R14.64] ;           /* 0x000000180e08c981 */
        /*0020*/                   LDGSTS.E.BYPASS.128 [R37], desc[UR24][R4.64], P4 ;  /* 0x0000000004257fae */
        /*0030*/                   LDG.E.64 R2, desc[UR24][R4.64] ;             /* 0x0000000004257fae */
        /*0040*/               @P0 BRA {last} ;                                 /* 0x0000000800788947 */
        /*0050*/                   EXIT ;                                       /* 0x000000000000794d */
        /*0060*/                   BRA 0x60;                                    /* 0xfffffffc00fc7947 */
"""

    instructions = read_instructions(sass("0x20"))
    assert [name for _, name, _ in instructions[-3:]] == ["BRA", "EXIT", "BRA"]
    assert global_loads(instructions) == (1, 1)
    assert global_loads(read_instructions(sass("0x50"))) == (2, 1)


def test_registers_and_spills_are_those_that_cuobjdump_names():
    line = "REG:80 STACK:16 SHARED:0 LOCAL:8 CONSTANT[0]:664 TEXTURE:0 SURFACE:0 SAMPLER:0"
    assert read_resources(line) == (80, 24)


@pytest.mark.parametrize(
    ("arch", "warps", "registers", "shared_bytes", "programs"),
    [
        (90, 4, 32, 0, 16),  # 64 warps
        (90, 1, 32, 0, 32),  # 32 programs
        (90, 1, 66, 0, 28),  # 72 registers of 32 threads, of 65,536
        (90, 2, 133, 0, 6),  # 136 registers of 32 threads: three warps in each quarter of the registers
        (90, 4, 32, 38400, 5),  # 38.5 KiB each, of 228
        (120, 4, 32, 0, 12),
        (120, 1, 32, 0, 24),
    ],
)
def test_the_scarcest_resource_limits_the_programs_of_a_multiprocessor(arch, warps, registers, shared_bytes, programs):
    assert resident_programs(LIMITS[arch], warps, registers, shared_bytes) == programs


def test_attention_is_measured_for_2b_and_goes_with_the_flops():
    assert attention_seconds(CLIPS["2b"]) == pytest.approx(5.579e-3, abs=1e-6)
    assert attention_flops(CLIPS["5b"]) / attention_flops(CLIPS["2b"]) == 48 / 30
    assert attention_seconds(CLIPS["5b"]) == pytest.approx(1.6 * 5.579e-3, abs=2e-6)
