/*
 * certificates.c
 *		The authorities that a TLS connection is verified against.
 *
 * They are the system's bundle and, if the server has a ca_file, those of that
 * file as well.  libcurl takes one file or one text, so the two are joined in
 * memory and kept until ca_file changes.
 *
 * The bundle is named explicitly, and libcurl's directory of authorities is
 * removed: with the directory, it reads and parses every certificate for each
 * connection; without it, once.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/certificates.h"

#define MAX_BUNDLE_SIZE		(8 * 1024 * 1024)	/* bytes of one file */

/* The joined text for one ca_file; malloc'd, lives as long as the process */
typedef struct Bundle
{
	char	   *ca_file;
	struct stat stat;			/* of ca_file when it was read */
	char	   *pem;
	size_t		len;
	struct Bundle *next;
} Bundle;

static Bundle *bundles = NULL;

static const char *system_bundle(void);
static Bundle *joined_bundle(const char *ca_file);
static Bundle *find_bundle(const char *ca_file);
static bool append_file(Bundle *bundle, const char *path, struct stat *stat_out);

/*
 * Set the authorities of a handle.  When ca_file cannot be read the result is
 * not CURLE_OK and error says why.
 */
CURLcode
bcd_trust_apply(CURL *easy, const char *ca_file, char *error, size_t error_size)
{
	const char *bundle = system_bundle();
	Bundle	   *joined;
	CURLcode	rc = CURLE_OK;

	if (bundle)
	{
		rc = curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
		if (rc == CURLE_OK)
			rc = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (ca_file == NULL || rc != CURLE_OK)
		return rc;

	joined = joined_bundle(ca_file);
	if (joined == NULL)
	{
		snprintf(error, error_size, "could not read ca_file \"%s\": %s", ca_file,
				 strerror(errno));
		return CURLE_SSL_CACERT_BADFILE;
	}
#if LIBCURL_VERSION_NUM >= 0x074d00 /* 7.77 */
	{
		struct curl_blob blob;

		blob.data = joined->pem;
		blob.len = joined->len;
		blob.flags = CURL_BLOB_COPY;	/* ours may be replaced in the
										 * meantime */
		return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
#else
	/* older: the directory of authorities beside the one file, which is there */
	rc = curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_CAPATH, "/etc/ssl/certs");
	return rc;
#endif
}

/* The file that libcurl was built to trust, or a usual location of it; or NULL */
static const char *
system_bundle(void)
{
	static const char *const usual[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem"
	};
	int			i;

#if LIBCURL_VERSION_NUM >= 0x074600 /* 7.70 */
	curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (info->age >= CURLVERSION_SEVENTH && info->cainfo && access(info->cainfo, R_OK) == 0)
		return info->cainfo;
#endif
	for (i = 0; i < lengthof(usual); i++)
		if (access(usual[i], R_OK) == 0)
			return usual[i];
	return NULL;
}

/* The system's bundle and ca_file as one text; NULL and errno on failure */
static Bundle *
joined_bundle(const char *ca_file)
{
	Bundle	   *bundle = find_bundle(ca_file);
	struct stat now;
	Bundle		new;
	const char *system = system_bundle();

	if (bundle == NULL || stat(ca_file, &now) != 0)
		return NULL;
	if (bundle->pem && now.st_mtime == bundle->stat.st_mtime &&
		now.st_size == bundle->stat.st_size && now.st_ino == bundle->stat.st_ino)
		return bundle;

	memset(&new, 0, sizeof(new));
	if (!append_file(&new, ca_file, &new.stat) ||
		(system && !append_file(&new, system, NULL)))
	{
		int			save_errno = errno;

		free(new.pem);
		errno = save_errno;
		return NULL;
	}
	free(bundle->pem);
	bundle->pem = new.pem;
	bundle->len = new.len;
	bundle->stat = new.stat;
	return bundle;
}

/* The entry of a ca_file, created if there is none; NULL when out of memory */
static Bundle *
find_bundle(const char *ca_file)
{
	Bundle	   *bundle;

	for (bundle = bundles; bundle; bundle = bundle->next)
		if (strcmp(bundle->ca_file, ca_file) == 0)
			return bundle;

	bundle = calloc(1, sizeof(Bundle));
	if (bundle == NULL || (bundle->ca_file = strdup(ca_file)) == NULL)
	{
		free(bundle);
		errno = ENOMEM;
		return NULL;
	}
	bundle->next = bundles;
	bundles = bundle;
	return bundle;
}

/* Append a whole file and a line feed; false and errno on failure */
static bool
append_file(Bundle *bundle, const char *path, struct stat *stat_out)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	int			save_errno;
	struct stat st;
	char	   *pem;
	ssize_t		n;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0)
		goto fail;
	errno = S_ISDIR(st.st_mode) ? EISDIR : EFBIG;
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_BUNDLE_SIZE)
		goto fail;
	pem = realloc(bundle->pem, bundle->len + st.st_size + 1);
	if (pem == NULL)
		goto fail;
	bundle->pem = pem;
	n = read(fd, pem + bundle->len, st.st_size);
	if (n < 0)
		goto fail;
	bundle->len += n;
	bundle->pem[bundle->len++] = '\n';
	close(fd);
	if (stat_out)
		*stat_out = st;
	return true;

fail:
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return false;
}
