#!/usr/bin/env bash
# Builds the all-in-one image for a channel of IB Gateway, and tags it with the gateway's version, minor version and channel,
# and with ibactors' own version before the gateway's.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'END'
usage: ./build.sh stable|latest [--push] [--image NAME] [--target gateway|api]

  --push          push the tags when all are built
  --image NAME    name of the image (default: $REGISTRY/$IMAGE, or ibactors)
  --target NAME   gateway (default) or api, which has no gateway inside

environment: REGISTRY, IMAGE, BASE_IMAGE, BUILDER (docker or podman; default: what is installed), BUILD_OPTIONS (more options for it),
GATEWAY_VERSION (else IB is asked, or GATEWAY_VERSION_URL), GATEWAY_URL and GATEWAY_SHA256 (a mirror),
IBC_URL and IBC_SHA256 (another IBC)
END
}

fail() {
    echo "build.sh: $1" >&2
    exit 2
}

channel='' push='' target=gateway image=${IMAGE:-ibactors}
[ -z "${REGISTRY:-}" ] || image=${REGISTRY%/}/$image
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        stable | latest) [ -z "$channel" ] || fail "two channels are given: $channel and $1"; channel=$1 ;;
        --push) push=yes ;;
        --image) [ $# -ge 2 ] || fail "--image needs a name"; image=$2; shift ;;
        --target) [ $# -ge 2 ] || fail "--target needs gateway or api"; target=$2; shift ;;
        *) fail "'$1' is neither a channel (stable, latest) nor an option; see ./build.sh --help" ;;
    esac
    shift
done
[ -n "$channel" ] || { usage >&2; fail "name a channel: stable or latest"; }
case $target in gateway | api) ;; *) fail "--target is '$target', but must be gateway or api" ;; esac
case $image in '' | -* | *[!a-z0-9._/:-]*) fail "'$image' is no name for an image" ;; esac

builder=${BUILDER:-$(command -v docker || command -v podman || true)}
[ -n "$builder" ] || fail "neither docker nor podman is installed"

# IB says the version of a channel in a line of JavaScript.
find_version() {
    local answer
    local url=${GATEWAY_VERSION_URL:-https://download2.interactivebrokers.com/installers/ibgateway/$channel-standalone/version.json}
    answer=$(curl --fail --silent --show-error --location --max-time 30 "$url") ||
        fail "IB did not tell the version of $channel ($url); set GATEWAY_VERSION, for example 10.37.1l"
    [[ $answer =~ \"buildVersion\"[[:space:]]*:[[:space:]]*\"([^\"]+)\" ]] || fail "cannot read a version in what $url answered"
    echo "${BASH_REMATCH[1]}"
}

tags=()
own=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' ibactors/__init__.py)
arguments=(--build-arg "VERSION=$own")
for name in BASE_IMAGE GATEWAY_URL GATEWAY_SHA256 IBC_URL IBC_SHA256; do
    [ -z "${!name:-}" ] || arguments+=(--build-arg "$name=${!name}")
done
if [ "$target" = api ]; then
    tags=("$image:api" "$image:$own-api")
else
    version=${GATEWAY_VERSION:-$(find_version)}
    [[ $version =~ ^[0-9]+\.[0-9]+(\.[0-9a-z]+)?$ ]] || fail "GATEWAY_VERSION is '$version', but must look like 10.37.1l"
    minor=$(cut -d. -f1,2 <<<"$version")
    tags=("$image:$version" "$image:$minor" "$image:$channel" "$image:$own-$version")
    arguments+=(--build-arg "CHANNEL=$channel" --build-arg "GATEWAY_VERSION=$version")
fi

echo "build.sh: building ${tags[*]} with $builder" >&2
for tag in "${tags[@]}"; do arguments+=(--tag "$tag"); done
# Podman's own format has no health check.
case $builder in *podman) arguments+=(--format docker) ;; esac
# shellcheck disable=SC2086  # BUILD_OPTIONS is a list of words
DOCKER_BUILDKIT=1 "$builder" build ${BUILD_OPTIONS:-} "${arguments[@]}" --target "$target" .

if [ -n "$push" ]; then
    for tag in "${tags[@]}"; do "$builder" push "$tag"; done
fi
printf '%s\n' "${tags[@]}"
