#!/usr/bin/env bash
# Installs the real servers and tools that the tests run against: Debian's Pushgateway, Alertmanager, promtool, etcd and PostgreSQL,
# and MLflow and moto (an S3 server) from PyPI in virtual environments outside the repository. Does nothing for what is already there.
set -euo pipefail

cache="${CDK8S_MLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cdk8s-mlops}"
mlflow_version=3.15.2
moto_version=5.2.5

packages=()
command -v prometheus-pushgateway >/dev/null || packages+=(prometheus-pushgateway)
command -v promtool >/dev/null || packages+=(prometheus)
command -v prometheus-alertmanager >/dev/null || packages+=(prometheus-alertmanager)
command -v etcd >/dev/null || packages+=(etcd-server)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages+=(postgresql)
command -v openssl >/dev/null || packages+=(openssl)
command -v bwrap >/dev/null || packages+=(bubblewrap)
if [ ${#packages[@]} -gt 0 ]; then
  sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

venv="$cache/mlflow-$mlflow_version"
if [ ! -x "$venv/bin/mlflow" ] || ! "$venv/bin/python" -c 'import flask_wtf, psycopg2' 2>/dev/null; then
  echo "installing MLflow $mlflow_version into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "mlflow[auth]==$mlflow_version" prometheus-flask-exporter \
    psycopg2-binary
fi

venv="$cache/moto-$moto_version"
if [ ! -x "$venv/bin/moto_server" ]; then
  echo "installing moto $moto_version into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "moto[s3,server]==$moto_version"
fi
