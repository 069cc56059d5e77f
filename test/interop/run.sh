#!/usr/bin/env bash
# npm run test:interop: installs what the tests need (by apt, as root on Debian), then runs Postern against real mail clients,
# real mail servers and a real browser, all on loopback. Arguments go to vitest, such as the name of one test file.
set -euo pipefail
cd "$(dirname "$0")/../.."

# command (or file) : package of Debian that brings it
NEEDED=(
  postfix:postfix
  haproxy:haproxy
  nginx:nginx
  apache2:apache2-bin
  msmtp:msmtp
  swaks:swaks
  curl:curl
  openssl:openssl
  python3:python3
  mutt:mutt
  neomutt:neomutt
  git:git
  /usr/lib/git-core/git-send-email:git-email
  chromium:chromium
  tmux:tmux
  /usr/lib/thunderbird/thunderbird:thunderbird
  s-nail:s-nail
  aerc:aerc
  php:php-cli
  /usr/share/php/libphp-phpmailer/src/SMTP.php:libphp-phpmailer
  # BeanShell runs Java as it is written, so that no compiler is needed.
  java:default-jre-headless
  /usr/share/java/bsh.jar:libbsh-java
  /usr/share/java/jakarta-mail.jar:libjakarta-mail-java
  # Without recommended packages swaks has no TLS and git send-email cannot read addresses.
  "/usr/lib/*/perl5/5.*/Net/SSLeay.pm:libnet-ssleay-perl"
  /usr/share/perl5/Mail/Address.pm:libmailtools-perl
  /usr/share/perl5/Email/Valid.pm:libemail-valid-perl
  # Two verifiers of DKIM that have nothing in common with Postern's signer; both know Ed25519 with these.
  /usr/lib/python3/dist-packages/dkim/__init__.py:python3-dkim
  /usr/lib/python3/dist-packages/nacl/__init__.py:python3-nacl
  /usr/share/perl5/Mail/DKIM/Verifier.pm:libmail-dkim-perl
  m4:m4
  /usr/share/sendmail/cf/m4/cf.m4:sendmail-cf
  # Mechanisms of Cyrus SASL, with which Postfix and Sendmail take passwords.
  "/usr/lib/*/sasl2/libplain.so:libsasl2-modules"
  "/usr/lib/*/sasl2/libsasldb.so:libsasl2-modules-db"
  dovecot:dovecot-core
  /usr/lib/dovecot/submission-login:dovecot-submissiond
  # Two packages: Glewlwyd wants one of those that set databases up, of which apt would take the one with a client of MariaDB.
  $'glewlwyd:glewlwyd\ndbconfig-sqlite3'
  # LemonLDAP::NG, a server for its portal, and what its issuer and its command load although the packages only recommend it.
  /usr/share/lemonldap-ng/portal/htdocs/index.psgi:liblemonldap-ng-portal-perl
  /usr/share/lemonldap-ng/bin/lemonldap-ng-cli:liblemonldap-ng-manager-perl
  starman:starman
  /usr/share/perl5/String/Random.pm:libstring-random-perl
  /usr/share/perl5/IO/String.pm:libio-string-perl
  /usr/share/perl5/Email/Sender.pm:libemail-sender-perl
  /usr/share/perl5/MIME/Entity.pm:libmime-tools-perl
)

# Packages that Debian does not let be installed beside Postfix's, or that bring a service of the system: unpacked into the folder of
# the run, and run from there.
UNPACKED=(exim4-daemon-light sendmail-bin sasl2-bin)
# Not apt's own folder of archives, which images of Debian empty after each installation.
ARCHIVES=$PWD/node_modules/.cache/postern-interop

missing_packages() {
  local entry
  for entry in "${NEEDED[@]}"; do
    is_there "${entry%%:*}" || echo "${entry##*:}"
  done
}

is_there() {
  case $1 in
    /*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # The tests run a Postfix of their own; 101 forbids the package to start one for the system (policy-rc.d).
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap "rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  apt-get update -q
  if [[ " $* " == *" glewlwyd "* ]]; then
    # Without a database and a configuration for the system.
    echo 'glewlwyd glewlwyd/config_type select No configuration' | debconf-set-selections
  fi
  apt-get install -y -q --no-install-recommends "$@"
  if [[ $(trap -p EXIT) == *$policy* ]]; then
    rm -f $policy
    trap - EXIT
  fi
}

# An archive that is there already is not downloaded again.
download_packages() {
  mkdir -p "$ARCHIVES"
  (cd "$ARCHIVES" && apt-get download -q -o APT::Sandbox::User=root "$@")
}

archive_of() {
  printf '%s\n' "$ARCHIVES/$1"_*.deb | sort -V | tail -n 1
}

missing_libraries() {
  local library
  for library in $(dpkg-deb -f "$1" Pre-Depends Depends | tr ',|' '\n\n' | grep -oE '(^|[ ])lib[a-z0-9.+-]+'); do
    dpkg-query -W -f '${Status}' "$library" 2>/dev/null | grep -q ' installed$' || echo "$library"
  done
}

# That of Debian 12 has no TLS: it cannot sign with OpenSSL 3 (issue 1171 of OpenSMTPD). The one that Debian has built for 12 later is
# fetched, with lists of its own beside those of the system.
download_opensmtpd() {
  compgen -G "$ARCHIVES/opensmtpd_[789]*.deb" >/dev/null && return
  if dpkg --compare-versions "$(apt-cache show --no-all-versions opensmtpd | sed -n 's/^Version: //p')" ge 7; then
    download_packages opensmtpd
    return
  fi
  local codename mirror lists=$ARCHIVES/backports
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(apt-get indextargets --format '$(LABEL) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    sed -n "s/^Debian $codename //p" | head -n 1)
  mkdir -p "$lists/partial"
  echo "deb $mirror $codename-backports main" >"$lists.list"
  local options=(-q -o "Dir::Etc::SourceList=$lists.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$lists"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$ARCHIVES" && apt-get "${options[@]}" download "opensmtpd/$codename-backports")
}

fetch_packages() {
  local package libraries
  download_packages "${UNPACKED[@]}" || { apt-get update -q && download_packages "${UNPACKED[@]}"; }
  download_opensmtpd
  UNPACKED+=(opensmtpd)
  for package in "${UNPACKED[@]}"; do
    mapfile -t libraries < <(missing_libraries "$(archive_of "$package")")
    ((${#libraries[@]} == 0)) || install_packages "${libraries[@]}"
  done
  # Its name is compiled into Exim, whose package would make it.
  id Debian-exim >/dev/null 2>&1 ||
    useradd --system --user-group --no-create-home --home-dir /var/spool/exim4 --shell /usr/sbin/nologin Debian-exim
}

unpack_packages() {
  local package
  for package in "${UNPACKED[@]}"; do
    dpkg-deb -x "$(archive_of "$package")" "$POSTERN_INTEROP_PACKAGES"
  done
}

# Debian puts postfix into sbin, which is not in everybody's path; npm puts the right Node first.
export PATH="$PWD/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} > 0)); then
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    echo "test:interop needs these packages of Debian: ${missing[*]}" >&2
    echo "Install them, or run it as root on Debian and it will." >&2
    exit 1
  fi
  install_packages "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} > 0)); then
    echo "test:interop: still missing after apt-get install: ${missing[*]}" >&2
    exit 1
  fi
fi
if ((EUID != 0)); then
  echo "test:interop must run as root: Postfix drops privileges by itself and cannot start without." >&2
  exit 1
fi

fetch_packages

# Everything the tests write lies here. World-readable, because the parts of Postfix run as its own user.
POSTERN_INTEROP_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/postern-interop-XXXXXX")
export POSTERN_INTEROP_FOLDER
chmod 755 "$POSTERN_INTEROP_FOLDER"
# Tests end what they start. Should vitest itself be killed, this ends what is left, by the ids that were noted down.
clean_up() {
  local note
  for note in "$POSTERN_INTEROP_FOLDER"/*.pid; do
    [[ -e $note ]] || continue
    kill -KILL -- "-$(basename "$note" .pid)" 2>/dev/null || true
  done
  rm -rf "$POSTERN_INTEROP_FOLDER"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export POSTERN_INTEROP_PACKAGES=$POSTERN_INTEROP_FOLDER/packages
unpack_packages

vitest run --config test/interop/vitest.config.ts "$@"
