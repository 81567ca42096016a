#!/usr/bin/env bash
# Measure on one GPU, in under six minutes, what README.md here reports: bash gan_lab/benchmark/gpu.sh [PART ...]
#
# Each part writes its text, and JSON where it has numbers, below $OUT. One that fails or takes too long is named at the end, and
# the others go on. TINY=1 makes networks and images tiny, for a dry run on a CPU.
set -uo pipefail

PYTHON=${PYTHON:-python}
OUT=${OUT:-gpu_benchmark}
LIMIT=${LIMIT:-350}     # seconds for all parts
LONGEST=${LONGEST:-75} # seconds for one part
EACH=${EACH:-12}        # seconds of rounds in a part, beside start, warm-up and breakdown
STEPS=${STEPS:-4000}    # of the run whose memory is watched
IMAGES=${IMAGES:-10240} # of the runs whose weights are compared
TINY=${TINY:-}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) && export OUT || exit 1

tiny=()
[ -z "$TINY" ] || tiny=(network.generator.width=8 network.discriminator.width=8)

# Keys of conf/speed that are off in plain and that a key alone can switch on; compile has a part of its own
keys() {
  cat "$here"/../conf/speed/plain.yaml "$here"/../../conf/speed/plain.yaml 2>/dev/null \
    | sed -n 's/^\([a-z0-9_]*\): false.*/\1/p' | grep -vx compile | sed 's/^/,plain+/' | tr -d '\n'
}

# bench NAME SETTINGS SIZE BATCH [OVERRIDE ...]
bench() {
  local name=$1 settings=$2 size=$3 batch=$4
  shift 4
  [ -z "$TINY" ] || { size=8 batch=4; }
  "$PYTHON" -m gan_lab.benchmark "$@" data=fake data.image_size="$size" data.batch_size="$batch" \
    "${tiny[@]}" "benchmark.settings=[$settings]" benchmark.seconds="$EACH" benchmark.out="$OUT/$name.json"
}

# train FOLDER [OVERRIDE ...]: a run that is not judged, in the place of this process
train() {
  local folder=$1
  shift
  exec "$PYTHON" -m gan_lab.train model=dcgan metric=none logger=csv "${tiny[@]}" "$@" hydra.run.dir="$folder"
}

speed_dcgan64() { bench speed_dcgan64 "plain,plain+precision:bf16-mixed$(keys),fast+capture:false,fast" 64 64 model=dcgan; }
speed_dcgan64_512() { bench speed_dcgan64_512 plain,fast 64 512 model=dcgan; }
speed_sngan32() { bench speed_sngan32 plain,fast 32 64 experiment=sngan_cifar10; }
speed_wgan_gp32() { bench speed_wgan_gp32 plain,fast 32 64 experiment=wgan_gp_cifar10; }
speed_r3gan32() { EACH=$(((EACH + 2) / 3)) bench speed_r3gan32 fast,fast+capture:false 32 64 experiment=r3gan_cifar10 data.num_classes=10; }
speed_r3gan32_256() { EACH=$(((EACH + 2) / 3)) bench speed_r3gan32_256 fast 32 256 experiment=r3gan_cifar10 data.num_classes=10; }
speed_compile() { bench speed_compile plain+compile 64 64 model=dcgan; }

# Images/s and peak memory of the authors' own code at the same sizes, from a checkout of https://github.com/brownvc/R3GAN
r3gan_authors() {
  [ -n "${R3GAN:-}" ] || { echo "not measured: R3GAN names no checkout of the authors' repository" && return; }
  EACH=$(((EACH + 2) / 3)) "$PYTHON" -m gan_lab.benchmark.r3gan_authors "$R3GAN" 64 256
}

# Seconds of a step of D and peak memory beside those of speed_r3gan32
finite_difference() {
  EACH=$(((EACH + 2) / 3)) bench finite_difference fast,fast+capture:false 32 64 experiment=r3gan_cifar10 data.num_classes=10 \
    penalty.r1.estimator=finite_difference
  "$PYTHON" - <<'END'
import json, os
for name in filter(lambda name: os.path.exists(f"{os.environ['OUT']}/{name}.json"), ("speed_r3gan32", "finite_difference")):
    for setting, row in json.load(open(f"{os.environ['OUT']}/{name}.json"))["rows"].items():
        print(name, setting, *(f"{key} {row[key]}" for key in ("d_step_seconds", "peak_memory_mib", "failed") if key in row))
END
}

# The same command twice, in plain and fast: all four at once, which changes nothing but the time
deterministic() {
  local speed number
  for speed in plain fast; do
    for number in 1 2; do
      train "$OUT/runs/$speed$number" data=digits max_images="$IMAGES" seed=3 trainer.deterministic=true speed="$speed" \
        >"$OUT/deterministic_$speed$number.txt" 2>&1 &
    done
  done
  wait
  "$PYTHON" - <<'END'
import json, os, torch
out = {}
for speed in ("plain", "fast"):
    one, two = (
        torch.load(f"{os.environ['OUT']}/runs/{speed}{n}/checkpoints/last.ckpt", weights_only=True, map_location="cpu")["state_dict"]
        for n in (1, 2)
    )
    tensors = [name for name in one if torch.is_tensor(one[name])]
    out[speed] = max(float((one[name].double() - two[name].double()).abs().max()) for name in tensors)
    print(f"speed={speed} trainer.deterministic=true twice: largest difference of {len(tensors)} tensors {out[speed]}")
json.dump(out, open(f"{os.environ['OUT']}/deterministic.json", "w"))
END
}

# Seconds from the start of a process to its first row: of the first step, and of one after a capture
start() {
  local speed steps begin file pid
  for speed in plain fast; do
    [ $speed = plain ] && steps=1 || steps=6
    file=$OUT/runs/start_$speed/metrics.csv
    begin=$(date +%s%N)
    train "$OUT/runs/start_$speed" data=digits max_images=1280 speed=$speed log_every_steps=$steps >"$OUT/start_$speed.txt" 2>&1 &
    pid=$!
    until [ -s "$file" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    echo "speed=$speed: $(((($(date +%s%N) - begin)) / 1000000)) ms to step $steps"
    wait $pid || return 1
  done
}

# Memory of the process and of the GPU each second, from the first row to the end of a run
memory() {
  local file=$OUT/runs/memory/metrics.csv samples=$OUT/memory_samples.txt pid size=64 batch=64
  [ -z "$TINY" ] || { size=8 batch=4; }
  train "$OUT/runs/memory" data=fake data.image_size="$size" data.batch_size="$batch" max_images=$((STEPS * batch)) speed=fast \
    >"$OUT/memory_run.txt" 2>&1 &
  pid=$!
  : >"$samples"
  while kill -0 $pid 2>/dev/null; do
    [ -s "$file" ] && echo "$(tail -n 1 "$file" | cut -d, -f1) $(sed -n 's/VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status) \
$(nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits 2>/dev/null | head -n 1)" >>"$samples"
    sleep 0.5
  done
  wait $pid || return 1
  echo "images seen, kB of the process, MiB of the GPU; early and late in $STEPS steps:"
  awk -v all=$((STEPS * batch)) 'NF > 1 && $1 < all' "$samples" | sed -n '2p;$p'
}

PARTS=(speed_dcgan64 speed_sngan32 speed_wgan_gp32 speed_dcgan64_512 deterministic start memory finite_difference
  speed_r3gan32 r3gan_authors speed_r3gan32_256 speed_compile)

if [ "${1:-}" = --part ]; then
  "$2"
  exit
fi

all() {
  local part left began status failed=()
  for part in "$@"; do
    left=$((LIMIT - SECONDS)) began=$SECONDS
    if [ $left -lt 10 ]; then
      failed+=("$part (no time left)")
      continue
    fi
    [ $left -lt "$LONGEST" ] || left=$LONGEST
    echo "== $part"
    timeout -k 5 "$left" bash "${BASH_SOURCE[0]}" --part "$part" >"$OUT/$part.txt" 2>&1
    status=$?
    grep -v '^ *$' "$OUT/$part.txt" | tail -n 25
    echo "   $((SECONDS - began)) s"
    [ $status -eq 0 ] || failed+=("$part (status $status)")
  done
  [ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[@]}"
  [ ${#failed[@]} -eq 0 ]
}

[ $# -eq 0 ] || PARTS=("$@")
all "${PARTS[@]}" 2>&1 | tee "$OUT/summary.txt"
