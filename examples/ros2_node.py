"""A ROS 2 node that estimates the contact from a wrench; not run here, where there is no ROS.

    ros2 run … --ros-args -p folder:=exported    # what `forcepos export` wrote; its six channels are Fx … Tz

Needs rclpy, geometry_msgs, numpy and onnxruntime.
"""

import sys

import rclpy
from geometry_msgs.msg import PointStamped, WrenchStamped
from rclpy.node import Node


class Contact(Node):
    """Publishes /contact for each message of /wrench whose estimate has no flag."""

    def __init__(self) -> None:
        super().__init__("contact")
        folder = self.declare_parameter("folder", "exported").value
        sys.path.insert(0, folder)
        from estimator import Estimator  # noqa: PLC0415  # lies beside the model

        self.live = Estimator(folder)
        self.publisher = self.create_publisher(PointStamped, "contact", 1)
        self.create_subscription(WrenchStamped, "wrench", self.answer, 1)

    def answer(self, message: WrenchStamped) -> None:
        """Publish the position, in m, after one more wrench."""
        force, torque, stamp = message.wrench.force, message.wrench.torque, message.header.stamp
        row = [force.x, force.y, force.z, torque.x, torque.y, torque.z]
        estimate = self.live(row, stamp.sec + stamp.nanosec / 1e9)
        if estimate.flag:
            self.get_logger().warning(f"no contact: {estimate.flag}", throttle_duration_sec=1.0)
            return
        found = PointStamped(header=message.header)
        found.point.x, found.point.y = (float(value) / 1000 for value in estimate.position[:2])
        self.publisher.publish(found)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(Contact())
