# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ward and a scanner do all day: send a message, store an image. Nobody's data; the clients are not ours."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 20
MESSAGE = (
    "MSH|^~\\&|WARD|CLINIC|ENGINE|CLINIC|20261125080000||ADT^A01^ADT_A01|{id}|T|2.5\r"
    "EVN|A01|20261125080000\rPID|1||DEMO-1||NOBODY^IN^PARTICULAR\rPV1|1|I\r"
)
STORE = "/var/lib/hl7-engine/messages"


def tls(pki: Path, name: str) -> ssl.SSLContext:
    """TLS with the certificate of this client, which trusts the clinic's authority and nobody else."""
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    return context


def send_message(address: str, port: int, pki: Path) -> str:
    """Send one admission as the ward, and return its control id once it is acknowledged with AA."""
    control_id = uuid.uuid4().hex[:16].upper()
    answer = asyncio.run(asyncio.wait_for(_converse(address, port, tls(pki, "ward"), control_id), TIMEOUT_S))
    code, acknowledged = (str(answer.segment("MSA")[number]) for number in (1, 2))
    if (code, acknowledged) != ("AA", control_id):
        raise RuntimeError(f"the message {control_id} was answered with {code} for {acknowledged}")
    return control_id


async def _converse(address: str, port: int, context: ssl.SSLContext, control_id: str) -> Any:
    import hl7.mllp  # type: ignore[import-not-found,import-untyped,unused-ignore]

    reader, writer = await hl7.mllp.open_hl7_connection(address, port, ssl=context, encoding="utf-8")
    try:
        writer.writemessage(hl7.parse(MESSAGE.format(id=control_id)))
        await writer.drain()
        return await reader.readmessage()
    finally:
        writer.close()


def kept_by(engines: list[str], control_id: str, ssh_config: Path) -> list[str]:
    """The engines on whose disk the message is."""
    command = ["sudo", "grep", "-q", control_id, STORE]
    return [
        name
        for name in engines
        if subprocess.run(
            ["ssh", "-F", str(ssh_config), name, *command], check=False, capture_output=True, stdin=subprocess.DEVNULL
        ).returncode
        == 0
    ]


def store_image(address: str, port: int, called_ae: str, pki: Path) -> str:
    """Store one small image as the scanner, and return its number once the archive has answered with success."""
    import pynetdicom  # type: ignore[import-not-found,unused-ignore]

    image = _image()
    entity = pynetdicom.AE(ae_title="CT1")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = TIMEOUT_S
    entity.add_requested_context(image.SOPClassUID)
    association = entity.associate(address, port, ae_title=called_ae, tls_args=(tls(pki, "scanner"), address))
    if not association.is_established:
        raise RuntimeError("the archive did not take the association")
    try:
        status = getattr(association.send_c_store(image), "Status", None)
    finally:
        association.release()
    if status != 0:
        raise RuntimeError(f"the archive answered with status {status}")
    return str(image.SOPInstanceUID)


def _image() -> Any:
    """A secondary capture of 8 by 8 grey points."""
    from pydicom.dataset import Dataset, FileMetaDataset  # type: ignore[import-not-found,unused-ignore]
    from pydicom.uid import (  # type: ignore[import-not-found,unused-ignore]
        ImplicitVRLittleEndian,
        SecondaryCaptureImageStorage,
        generate_uid,
    )

    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.PatientID, image.PatientName, image.Modality = "DEMO-1", "NOBODY^IN^PARTICULAR", "OT"
    image.Rows = image.Columns = 8
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit = 7
    image.PixelData = bytes(range(64))
    return image
