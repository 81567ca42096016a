#!/usr/bin/env bash
# Train sngan, biggan and stylegan2 on one GPU for the same seconds, and judge them, in under eight minutes:
#   bash gan_lab/benchmark/gpu_trainings.sh DIR [KEY=VALUE ...]
#
# DIR has a folder of 32x32 images for each class, such as CIFAR-10's. Scores are by a classifier of these images that is trained
# first. Runs, scores and grids lie below $OUT; each command's words in a .txt beside them.
set -uo pipefail

PYTHON=${PYTHON:-python}
OUT=${OUT:-gpu_trainings}
SECONDS_EACH=${SECONDS_EACH:-60}
FAKES=${FAKES:-10000} # samples that are judged, of each of three seeds
DEVICE=${DEVICE:-cuda}
EPOCHS=${EPOCHS:-3}   # of the classifier

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}"
root=$(cd "$1" && pwd) && shift && mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) || exit 1
export GAN_LAB_CACHE=$OUT/cache
data=(data=image_folder "data.root=$root" data.image_size=32 "data.num_classes=$(find "$root" -mindepth 1 -maxdepth 1 -type d | wc -l)"
  "data.prepared=$OUT/prepared")

# step NAME COMMAND ...: run a command; its words go into NAME.txt, their end and its time to the console
step() {
  local name=$1 began=$SECONDS status
  shift
  "$@" >"$OUT/$name.txt" 2>&1
  status=$?
  grep -v '^ *$' "$OUT/$name.txt" | tail -n "$((status ? 20 : 6))"
  echo "== $name: $((SECONDS - began)) s, status $status"
  return $status
}

step extractor "$PYTHON" -m gan_lab.train_extractor "${data[@]}" epochs="$EPOCHS" device="$DEVICE" || exit 1
for model in sngan biggan stylegan2; do
  step $model "$PYTHON" -m gan_lab.train experiment=${model}_cifar10 "${data[@]}" metric=frechet extractor=trained speed=fast \
    logger=csv val_every_images=1000000000 sample_every_images=1000000000 "hydra.run.dir=$OUT/$model" \
    max_hours="$(awk "BEGIN {print $SECONDS_EACH / 3600}")" "$@"
  tail -n 1 "$OUT/$model/resources.csv" # images seen, images/s, MiB
  step ${model}_score "$PYTHON" -m gan_lab.evaluate "run=$OUT/$model" checkpoint=last extractor=trained metric=frechet \
    eval.num_fake="$FAKES" device="$DEVICE"
  step ${model}_grid "$PYTHON" -m gan_lab.sample "run=$OUT/$model" checkpoint=last mode=grid n=64 "out=$OUT/${model}_grid" \
    device="$DEVICE"
done
