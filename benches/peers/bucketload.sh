#!/bin/sh
# Runs the rig's job through bucketload, as one of its engines:
#
#   run_peers.py --engine bucketload='benches/peers/bucketload.sh {shape} {source} {prefix} {out}'
#
# BUCKETLOAD        the program; left out: `bucketload` on the PATH
# BUCKETLOAD_SET    more `--set` arguments, separated by spaces: "exec.memory_limit=256MiB out.sort_by_time=true"
# RIG_OUT_TYPE      `parquet` (left out) or `delta`
# RIG_ENDPOINT, RIG_KEY, RIG_SECRET, RIG_BUCKET, RIG_S3ROOT, RIG_DATA, RIG_THREADS   as the rig has them
set -eu
[ $# -eq 4 ] || { echo "usage: $0 SHAPE s3|file PREFIX OUT" >&2; exit 2; }
shape=$1 source=$2 prefix=$3 out=$4

case $shape in
  ndjson_gz) load=ndjson.yml ;;
  tsv_mixed) load=tsv.yml ;;
  *) load=csv.yml ;;
esac

export RIG_URL="http://${RIG_ENDPOINT:-127.0.0.1:9100}" RIG_KEY="${RIG_KEY:-test}" RIG_SECRET="${RIG_SECRET:-testtest}"
export RIG_BUCKET="${RIG_BUCKET:-bench}" RIG_SOURCE="$source" RIG_OUT_TYPE="${RIG_OUT_TYPE:-parquet}"
case $source in
  file) export RIG_PREFIX="${RIG_S3ROOT:-${RIG_DATA:?names the folder of the rig}/s3}/$RIG_BUCKET/$prefix/" ;;
  *) export RIG_PREFIX="$prefix/" ;;
esac

settings=
for setting in ${RIG_THREADS:+exec.max_threads=$RIG_THREADS} ${BUCKETLOAD_SET:-}; do
  settings="$settings --set $setting"
done
# shellcheck disable=SC2086 # the settings are words
set -- "${BUCKETLOAD:-bucketload}" --quiet --warehouse "$out" --json issue "$(dirname "$0")/$load" \
  --database rig --table "$shape" --auto-create-table $settings

# The measured process is the loader itself, with nothing around it.
[ "$RIG_OUT_TYPE" = delta ] || exec "$@"
# The rig's check reads every file that is not hidden as Parquet, so the log and the ledger are hidden from it once the load is over.
"$@"
mv "$out/rig/$shape/_delta_log" "$out/rig/$shape/.delta_log"
mv "$out/rig/${shape}__files" "$out/rig/.${shape}__files"
