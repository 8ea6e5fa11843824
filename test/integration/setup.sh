#!/usr/bin/env bash
# Installs the real servers and tools that the integration tests run against: Debian's Pushgateway, promtool and etcd, and MLflow
# from PyPI in a virtual environment outside the repository. Does nothing for what is already there.
set -euo pipefail

cache="${CDK8S_MLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cdk8s-mlops}"
mlflow_version=3.15.2

packages=()
command -v prometheus-pushgateway >/dev/null || packages+=(prometheus-pushgateway)
command -v promtool >/dev/null || packages+=(prometheus)
command -v etcd >/dev/null || packages+=(etcd-server)
if [ ${#packages[@]} -gt 0 ]; then
  sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

venv="$cache/mlflow-$mlflow_version"
if [ ! -x "$venv/bin/mlflow" ]; then
  echo "installing MLflow $mlflow_version into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "mlflow==$mlflow_version" prometheus-flask-exporter
fi
