# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLLP, DICOM and FHIR: what one exchange of each means. Private to the collection."""
